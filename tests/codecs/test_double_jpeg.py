import io
import zlib

import numpy as np
import pytest
from PIL import Image

from biasgan.codecs.chain import shift_of
from biasgan.codecs.double_jpeg import DoubleJPEG
from biasgan.codecs.jpeg import JPEG
from biasgan.data.sets import sample
from biasgan.io.images import read_image


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(sample().valid[1])[:255, :301]


def by_pillow(image: np.ndarray, quality: int) -> tuple[bytes, np.ndarray]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=quality)
    with Image.open(file) as picture:
        return file.getvalue(), np.array(picture)


def grid_phase(image: np.ndarray, axis: int) -> int:
    """Where blocks of 8 begin along an axis: the steps between pixels are largest there."""
    steps = np.abs(np.diff(image.astype(float), axis=axis)).mean(axis=tuple({0, 1, 2} - {axis}))
    return (int(np.argmax([steps[phase::8].mean() for phase in range(8)])) + 1) % 8


@pytest.mark.parametrize("shift", [(3, 5), (0, 4), (7, 1), (0, 0)])
def test_the_first_grid_is_shifted(photograph: np.ndarray, shift: tuple[int, int]) -> None:
    image = DoubleJPEG(5, shift).encode(photograph, 95).image
    assert (-grid_phase(image, 0) % 8, -grid_phase(image, 1) % 8) == shift
    assert image.shape == photograph.shape


@pytest.mark.parametrize("shift", [(3, 5), (0, 4), (0, 0)])
def test_it_is_what_one_does_by_hand(photograph: np.ndarray, shift: tuple[int, int]) -> None:
    top, left = shift
    rows = [0] * top + list(range(photograph.shape[0]))
    columns = [0] * left + list(range(photograph.shape[1]))
    _, first = by_pillow(photograph[rows][:, columns], 30)
    data, second = by_pillow(first[top:, left:], 50)
    coded = DoubleJPEG(30, shift).encode(photograph, 50)
    assert coded.data == data
    assert np.array_equal(coded.image, second)


def test_it_is_worse_than_one_compression(photograph: np.ndarray) -> None:
    def error(image: np.ndarray) -> float:
        return float(np.square(image.astype(float) - photograph).mean())

    once = JPEG().encode(photograph, 50).image
    assert error(DoubleJPEG(30).encode(photograph, 50).image) > error(once)


def test_every_image_has_its_own_shift(photograph: np.ndarray) -> None:
    shifts = [shift_of(zlib.crc32(photograph[row : row + 16].tobytes())) for row in range(200)]
    assert len(set(shifts)) > 50
    assert (0, 0) not in shifts
    assert {top for top, _ in shifts} == {left for _, left in shifts} == set(range(8))
    drawn = DoubleJPEG(30).encode(photograph, 50)
    own = shift_of(zlib.crc32(photograph.tobytes()))
    assert drawn.data == DoubleJPEG(30, own).encode(photograph, 50).data
    assert drawn.data == DoubleJPEG(30).encode(np.asfortranarray(photograph), 50).data


def test_identity_tells_first_quality_and_shift() -> None:
    codecs = [
        DoubleJPEG(30),
        DoubleJPEG(31),
        DoubleJPEG(30, (3, 5)),
        DoubleJPEG(30, (5, 3)),
        DoubleJPEG(30, None, "4:4:4"),
    ]
    assert len({str(codec.identity) for codec in codecs}) == len(codecs)
    assert codecs[0].identity == JPEG().identity | {
        "codec": "jpeg_double",
        "first_quality": 30,
        "shift": "of each image",
    }
    assert codecs[2].identity["shift"] == "3 rows, 5 columns"
    assert DoubleJPEG(30, [3, 5]).identity == codecs[2].identity


def test_pairs_that_were_stored_stay_valid() -> None:
    """Folder of the pair store and draws as they were when the codec stood alone."""
    image = np.arange(3 * 40 * 48, dtype=np.uint8).reshape(40, 48, 3)
    assert shift_of(zlib.crc32(image.tobytes())) == divmod(1 + zlib.crc32(image.tobytes()) % 63, 8)
    identity = JPEG().identity | {"codec": "jpeg_double", "first_quality": 30, "shift": "of each image"}
    assert DoubleJPEG(30).identity == identity
    assert list(DoubleJPEG(30).identity) == list(identity)
    assert (DoubleJPEG.name, DoubleJPEG.extension) == ("jpeg_double", "jpg")


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"quality must be a whole number from 1 to 100 .* got 0"):
        DoubleJPEG(0)
    for shift in ((8, 0), (0, -1), (3,), (1, 2, 3)):
        with pytest.raises(
            ValueError, match=r"codec.shift must be null or two numbers from 0 to 7, rows and columns; got"
        ):
            DoubleJPEG(30, shift)
    with pytest.raises(ValueError, match="must be 4:2:0, 4:2:2 or 4:4:4; got 4:1:1"):
        DoubleJPEG(30, None, "4:1:1")  # pyright: ignore[reportArgumentType]
