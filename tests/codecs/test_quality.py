from collections import Counter

import pytest

from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.quality import draw_quality, read_qualities
from biasgan.io.checksums import sha256


@pytest.mark.parametrize(
    ("quality", "qualities"), [(20, [20]), ("20-20", [20]), ("1-3", [1, 2, 3]), ("98-100", [98, 99, 100])]
)
def test_a_number_or_a_range(quality: int | str, qualities: list[int]) -> None:
    assert list(read_qualities(quality, JPEG())) == qualities


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ("50-10", r"A range of qualities is LOW-HIGH; got 50-10\. Set qf=10-50\."),
        ("0-50", r"'0-50' is no range of qualities, such as 10-50: jpeg quality .* from 1 to 100 .* got 0\."),
        ("10-101", r"'10-101' is no range .* got 101\."),
        ("a-b", r"'a-b' is no range of qualities, such as 10-50: jpeg quality must be a whole number .* got 'a-b'"),
        ("10-", r"'10-' is no range"),
        ("-5-10", r"'-5-10' is no range"),
        ("10-20-30", r"'10-20-30' is no range"),
        (0, r"^jpeg quality must be a whole number from 1 to 100 .* got 0\. Set qf=20"),
        (20.5, r"jpeg quality must be a whole number .* got 20\.5"),
    ],
)
def test_anything_else_is_refused(quality: int | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_qualities(quality, JPEG())


def test_draws_are_even_and_depend_on_the_image_alone() -> None:
    digests = [sha256(str(number).encode()) for number in range(4100)]
    drawn = Counter(draw_quality(range(10, 51), digest) for digest in digests)
    assert sorted(drawn) == list(range(10, 51))
    assert 50 < min(drawn.values()) <= max(drawn.values()) < 160
    assert [draw_quality(range(10, 51), digest) for digest in digests[:3]] == [41, 45, 39]
    assert draw_quality(range(20, 21), digests[0]) == 20
