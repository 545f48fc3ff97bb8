import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from biasgan.io.containers.split import split
from biasgan.io.containers.tiff import levels_of

from .made import Order, packed, picture, tiff

BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES, ROWS = 258, 259, 262, 266, 277, 278
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, EXTRA, FORMAT = 317, 322, 323, 338, 339
DEPTHS = (3, 6, 10, 12, 14, 16)


def levels(bits: int, channels: int) -> np.ndarray:
    """The picture with so many bits, (H, W, C)."""
    return np.round(picture()[..., :channels] / 255.0 * ((1 << bits) - 1)).astype(np.int64)


def full(samples: np.ndarray, bits: int) -> np.ndarray:
    """In the whole range of 8 or 16 bits."""
    most = 65535 if bits > 8 else 255
    return np.floor(samples * most / ((1 << bits) - 1) + 0.5).astype(np.int64)


def read(data: bytes) -> np.ndarray:
    alone, _ = split(data)
    found = levels_of(alone)
    assert found is not None
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_samples_have_the_depth_that_the_file_says(order: Order, bits: int, channels: int) -> None:
    samples = levels(bits, channels)
    rows = packed(samples.reshape(len(samples), -1), bits, order)
    numbers = {BITS: [bits] * channels, PHOTOMETRIC: [1 if channels == 1 else 2], SAMPLES: [channels]}
    after = read(tiff([rows], samples.shape[:2], numbers, order))
    assert after.dtype == (np.uint16 if bits > 8 else np.uint8)
    assert np.array_equal(after, full(samples, bits))
    # What is compressed, in several strips, is the same.
    length = len(rows) // len(samples) * 5
    strips = [zlib.compress(rows[start : start + length]) for start in range(0, len(rows), length)]
    several = tiff(strips, samples.shape[:2], {**numbers, COMPRESSION: [8], ROWS: [5]}, order)
    assert np.array_equal(read(several), after)


@pytest.mark.parametrize("bits", DEPTHS)
def test_0_may_be_white(bits: int) -> None:
    samples = levels(bits, 1)
    inverted = packed((1 << bits) - 1 - samples[..., 0], bits, "<")
    after = read(tiff([inverted], samples.shape[:2], {BITS: [bits], PHOTOMETRIC: [0]}))
    assert np.array_equal(after, full(samples, bits))


def test_bits_may_be_filled_from_below() -> None:
    samples = levels(12, 1)
    reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    rows = packed(samples[..., 0], 12).translate(reverse)
    after = read(tiff([rows], samples.shape[:2], {BITS: [12], PHOTOMETRIC: [1], FILL_ORDER: [2]}))
    assert np.array_equal(after, full(samples, 12))


@pytest.mark.parametrize("order", ["<", ">"])
def test_differences_are_added_up(order: Order) -> None:
    samples = levels(16, 3)
    differences = np.diff(samples, axis=1, prepend=0) % 65536
    data = zlib.compress(differences.astype(f"{order}u2").tobytes())
    numbers = {BITS: [16] * 3, PHOTOMETRIC: [2], SAMPLES: [3], COMPRESSION: [8], PREDICTOR: [2]}
    assert np.array_equal(read(tiff([data], samples.shape[:2], numbers, order)), samples)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["miniswhite", "minisblack", "rgb"])
@pytest.mark.parametrize("tile", [(16, 16), (16, 32), (16, 48), None])
def test_differences_begin_anew_in_each_tile(order: Order, kind: str, tile: tuple[int, int] | None) -> None:
    file, samples = io.BytesIO(), levels(16, 3 if kind == "rgb" else 1).astype(np.uint16)
    options: dict[str, Any] = {"tile": tile} if tile else {"rowsperstrip": 5}
    tifffile.imwrite(
        file, samples.squeeze(), photometric=kind, byteorder=order, compression="zlib", predictor=2, **options
    )
    assert np.array_equal(read(file.getvalue()), 65535 - samples if kind == "miniswhite" else samples)


@pytest.mark.parametrize("bits", [12, 16])
def test_tiles_are_put_together(bits: int) -> None:
    samples = levels(bits, 3)
    padded = np.pad(samples, ((0, 8), (0, 11), (0, 0)), mode="edge")
    tiles = [
        packed(padded[top : top + 16, left : left + 16].reshape(16, -1), bits, "<")
        for top in (0, 16)
        for left in (0, 16, 32)
    ]
    numbers = {BITS: [bits] * 3, PHOTOMETRIC: [2], SAMPLES: [3], TILE_WIDTH: [16], TILE_HEIGHT: [16]}
    assert np.array_equal(read(tiff(tiles, samples.shape[:2], numbers)), full(samples, bits))


@pytest.mark.parametrize(("extra", "channels"), [(0, 3), (1, 4), (2, 4), (999, 4)])
def test_alpha_is_what_the_file_says(extra: int, channels: int) -> None:
    samples = levels(16, 3)
    alpha = np.full((*samples.shape[:2], 1), 40000)
    stored = samples * 40000 // 65535 if extra == 1 else samples
    rows = packed(np.concatenate([stored, alpha], axis=2).reshape(len(samples), -1), 16, "<")
    numbers = {BITS: [16] * 4, PHOTOMETRIC: [2], SAMPLES: [4], EXTRA: [extra]}
    after = read(tiff([rows], samples.shape[:2], numbers))
    assert after.shape[2] == channels
    assert np.abs(after[..., :3].astype(int) - samples).max() <= (2 if extra == 1 else 0)
    assert (after[..., 3:] == 40000).all()


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({FORMAT: [2]}, "signed numbers, whose black and white are unknown; save it with 8 or 16 bits"),
        ({FORMAT: [3], BITS: [32]}, "floating-point numbers of unknown range; save it with 8 or 16 bits"),
        ({COMPRESSION: [7]}, "16 bits lie in a way that cannot be read"),
        ({BITS: [12], COMPRESSION: [8], PREDICTOR: [2]}, "12 bits lie in a way that cannot be read"),
        ({COMPRESSION: [8], PREDICTOR: [3]}, "16 bits lie in a way that cannot be read"),
        ({BITS: [12], TILE_WIDTH: [15], TILE_HEIGHT: [16]}, "12 bits lie in a way that cannot be read"),
        ({BITS: [12], TILE_WIDTH: [5], TILE_HEIGHT: [16]}, "12 bits lie in a way that cannot be read"),
    ],
)
def test_what_would_be_wrong_is_refused(numbers: dict[int, list[int]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(tiff([bytes(600)], (10, 10), {BITS: [16], PHOTOMETRIC: [1], **numbers}))


def test_large_files_are_read() -> None:
    file, samples = io.BytesIO(), levels(16, 3).astype(np.uint16)
    tifffile.imwrite(file, samples, photometric="rgb", bigtiff=True, description="mine")
    assert np.array_equal(read(file.getvalue()), samples)
    _, metadata = split(file.getvalue())
    assert metadata
    assert b"mine" in (metadata.exif or b"")


def test_a_limit_counts_for_pixels_and_not_for_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = levels(16, 3)
    numbers = {BITS: [16] * 3, PHOTOMETRIC: [2], SAMPLES: [3]}
    data = tiff([packed(samples.reshape(len(samples), -1), 16, "<")], samples.shape[:2], numbers)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 37)
    read(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 37 - 1)
    with pytest.raises(Image.DecompressionBombError):
        read(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    read(data)


def test_an_orientation_that_is_no_whole_number_is_told() -> None:
    numbers = {BITS: [8] * 3, PHOTOMETRIC: [2], SAMPLES: [3], 0x112: [6]}
    data = tiff([picture().tobytes()], picture().shape[:2], numbers)
    place = data.index(struct.pack("<2H", 0x112, 4)) + 2
    for kind, orientation, remarks in (
        (9, 6, ()),
        (11, 1, ("its orientation cannot be read and was not followed",)),
    ):
        _, metadata = split(data[:place] + struct.pack("<H", kind) + data[place + 2 :])
        assert metadata
        assert (metadata.orientation, metadata.remarks) == (orientation, remarks)


@pytest.mark.parametrize("across", [(0, 0), (300, 0), (0, 1)])
def test_pixels_are_read_whatever_other_tags_say(across: tuple[int, int]) -> None:
    numbers = {
        BITS: [8] * 3,
        PHOTOMETRIC: [2],
        SAMPLES: [3],
        282: across,
        283: (300, 1),
        296: [2],
        306: [7],
        34675: [9],
    }
    data = tiff([picture().tobytes()], picture().shape[:2], numbers)
    for damage in (data, data[:-10] + struct.pack("<I", 2**31) + data[-6:]):
        alone, metadata = split(damage)
        assert metadata
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(alone))), picture())
        assert not (metadata.dpi and metadata.dpi[0] > 0)
