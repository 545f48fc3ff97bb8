import numpy as np
import pytest

from biasgan.data.entry import Entry, fingerprint, names_of


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


def test_other_pairs_have_another_fingerprint() -> None:
    a, b, c = (Named(name, 1, 1, 8, None) for name in "abc")
    assert fingerprint([a, b], [c]) == fingerprint([Named("a", 1, 1, 8, None), b], [c])
    assert len({fingerprint(*sides) for sides in (([a, b], [c]), ([b, a], [c]), ([a], [b, c]), ([a], [c]))}) == 4
