import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from biasgan.codecs.avif import AVIF
from biasgan.codecs.chain import Chain, Link
from biasgan.codecs.codec import CodecError
from biasgan.codecs.double_jpeg import DoubleJPEG
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.webp import WebP


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Smooth ones, since a tile of noise looks much the same after any compression."""
    rng = np.random.default_rng(0)
    steps = np.linspace(0, 1, 24)
    corners = rng.uniform(0, 255, (200, 4, 3))
    return [
        np.add.outer(steps, steps)[..., None].__mul__(a - b).__add__(c).clip(0, 255).astype(np.uint8)
        for a, b, c, _ in corners
    ]


def test_links_follow_one_another(pictures: list[np.ndarray]) -> None:
    first, last = JPEG("4:4:4"), WebP()
    coded = Chain([Link([first], 20), Link([last])]).encode(pictures[0], 60)
    by_hand = last.encode(first.encode(pictures[0], 20).image, 60)
    assert coded.data == by_hand.data
    assert np.array_equal(coded.image, by_hand.image)


def test_two_jpegs_are_a_case_of_it(pictures: list[np.ndarray]) -> None:
    chain = Chain([Link([JPEG()], 30, shift=None), Link([JPEG()])])
    for picture in pictures[:10]:
        assert chain.encode(picture, 50).data == DoubleJPEG(30).encode(picture, 50).data


@pytest.mark.parametrize("codec", [DoubleJPEG(30), Chain([Link([JPEG(), JPEG("4:4:4")], "5-95"), Link([WebP()])])])
def test_odd_sizes_copies_and_threads_make_no_difference(codec: Chain) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 33, 3), dtype=np.uint8)
    for height, width in [(1, 1), (1, 9), (9, 1), (7, 13), (17, 33)]:
        assert codec.encode(image[:height, :width], 20).image.shape == (height, width, 3)
    copy: Chain = pickle.loads(pickle.dumps(codec))
    assert copy.identity == codec.identity
    parts = [image[row : row + 16] for row in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert [each.data for each in pool.map(lambda part: copy.encode(part, 20), parts)] == [
            codec.encode(part, 20).data for part in parts
        ]


def test_shares_are_kept_and_the_rest_is_left_alone(pictures: list[np.ndarray]) -> None:
    chain = Chain([Link([JPEG()], 10, share=0.25), Link([WebP()], share=0.6)])
    coded = [chain.encode(picture, 50) for picture in pictures]
    kinds = Counter(each.data[:4] for each in coded)
    assert kinds[b"RIFF"] == pytest.approx(0.6 * 200, abs=25)
    assert kinds[b"\xff\xd8\xff\xe0"] == pytest.approx(0.25 * 0.4 * 200, abs=14)
    assert kinds[b"\x89PNG"] == pytest.approx(0.75 * 0.4 * 200, abs=25)
    for picture, each in zip(pictures, coded, strict=True):
        assert np.array_equal(chain.decode(each.data), each.image)
        assert np.array_equal(each.image, picture) or not each.data.startswith(b"\x89PNG")


def test_each_image_has_a_quality_and_a_codec_of_its_own(pictures: list[np.ndarray]) -> None:
    coarse, fine = JPEG("4:2:0"), JPEG("4:4:4")
    chain = Chain([Link([coarse, fine], "5-7", shift=None), Link([JPEG("4:2:2")])])
    last = chain.links[-1].codecs[0]
    drawn: Counter[tuple[str, int]] = Counter()
    for picture in pictures[:60]:
        data = chain.encode(picture, 90).data
        for codec in (coarse, fine):
            for quality in (5, 6, 7):
                alone = Chain([Link([codec], quality, shift=None), Link([last])])
                drawn[codec.subsampling, quality] += alone.encode(picture, 90).data == data
    assert len(drawn) == 6
    assert min(drawn.values()) > 0
    assert chain.encode(pictures[0], 90).data == chain.encode(pictures[0].copy(order="F"), 90).data


def test_quality_is_that_of_the_last_link() -> None:
    chain = Chain([Link([JPEG()], "5-95"), Link([AVIF()])])
    chain.check_quality(0)
    with pytest.raises(ValueError, match=r"avif quality must be a whole number from 0 to 100 .* got 101"):
        chain.encode(np.zeros((8, 8, 3), np.uint8), 101)


def test_identity_tells_all_that_the_pixels_depend_on() -> None:
    jpeg = JPEG()
    links = [
        Link([jpeg], 30),
        Link([jpeg], 31),
        Link([jpeg], "30-31"),
        Link([jpeg], 30, share=0.5),
        Link([jpeg], 30, shift=None),
        Link([jpeg], 30, shift=[1, 2]),
        Link([JPEG("4:4:4")], 30),
        Link([jpeg, jpeg], 30),
    ]
    identities = [Chain([link, Link([jpeg])]).identity for link in links]
    assert len({str(identity) for identity in identities}) == len(links)
    assert Chain([Link([jpeg], 30, shift=(1, 2)), Link([jpeg])]).identity == identities[5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codecs": []}, "needs at least one of codecs"),
        ({"codecs": [JPEG(), WebP()]}, "must be of one kind"),
        ({"share": 0}, "must be above 0 and at most 1; got 0"),
        ({"share": 1.5}, "must be above 0 and at most 1; got 1.5"),
        ({"shift": (8, 0)}, "must be null or two numbers from 0 to 7, rows and columns; got"),
        ({"quality": "95-5"}, "A range of qualities is LOW-HIGH; got 95-5"),
        ({"quality": 0}, "jpeg quality must be a whole number from 1 to 100"),
    ],
)
def test_a_bad_link_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Link(**{"codecs": [JPEG()], **options})


def test_a_bad_chain_is_refused() -> None:
    jpeg = JPEG()
    for links in ([], [Link([jpeg], 30)], [Link([jpeg]), Link([jpeg])]):
        with pytest.raises(ValueError, match="A chain has links that each have a quality, and after them a last one"):
            Chain(links)
    with pytest.raises(ValueError, match="The last link of a chain begins where its file begins"):
        Chain([Link([jpeg], shift=(1, 1))])


def test_damaged_files_are_refused(pictures: list[np.ndarray]) -> None:
    chain = Chain([Link([JPEG()], 30), Link([WebP()])])
    for data in (b"", b"nothing", b"\x89PNG\r\n\x1a\n", chain.encode(pictures[0], 50).data[:50]):
        with pytest.raises(CodecError, match="cannot decode"):
            chain.decode(data)
