import numpy as np
import pytest

from biasgan.data.pairs.entry import Entry, fingerprint, fingerprint_of_originals, names_of, quality_of


class Named(Entry):
    """An entry whose pixels nobody asks for."""

    @property
    def digest(self) -> str:
        return self.name

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError


@pytest.mark.parametrize(
    ("given", "names"),
    [("", ""), ("a b c", "a b c"), ("a b a a", "a b a-2 a-3"), ("a-2 a a", "a-2 a a-3"), ("a a a-2", "a a-2 a-2-2")],
)
def test_names_become_different(given: str, names: str) -> None:
    assert names_of(Named(name, 1, 1, 8, None) for name in given.split()) == names.split()


def test_equal_names_become_those_of_their_folders() -> None:
    places = {"day/1": "1", "night/1": "1", "b": "b", "a-jpg": "a", "a-png": "a"}
    entries = [Named(name, 1, 1, 8, None, place=place) for place, name in places.items()]
    assert names_of(entries) == ["day-1", "night-1", "b", "a-jpg", "a-png"]
    assert names_of(entries[1:3]) == ["1", "b"]
    assert fingerprint(entries[:1]) == fingerprint([Named("1", 1, 1, 8, None)])


def test_long_names_leave_room_for_endings() -> None:
    one, other = names_of(Named("n" * 250 + end, 1, 1, 8, None) for end in "ab")
    assert one != other
    assert len(f"{one}.safetensors") <= 255


def test_other_pairs_have_another_fingerprint() -> None:
    a, b, c = (Named(name, 1, 1, 8, None) for name in "abc")
    assert fingerprint([a, b], [c]) == fingerprint([Named("a", 1, 1, 8, None), b], [c])
    assert len({fingerprint(*sides) for sides in (([a, b], [c]), ([b, a], [c]), ([a], [b, c]), ([a], [c]))}) == 4


def test_originals_have_the_same_fingerprint_at_all_qualities() -> None:
    low, high = (Named("a", 2, 3, bits, quality) for bits, quality in ((8, 10), (80, 90)))
    assert fingerprint_of_originals([low]) == fingerprint_of_originals([high])
    assert fingerprint_of_originals([low]) != fingerprint_of_originals([Named("a", 3, 2, 8, 10)])


def test_the_quality_of_images_that_were_compressed_before() -> None:
    def of(*qualities: int | None) -> int | str:
        return quality_of(Named("a", 1, 1, 8, quality) for quality in qualities)

    assert [of(20, 20), of(20, 10), of(20, None), of()] == [20, "10-20", "given", "given"]
