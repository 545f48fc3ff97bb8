import io
import struct

import numpy as np
import pytest
from PIL import Image

from biasgan.codecs.codec import CodecError
from biasgan.codecs.webp import WebP, canvas


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 16383), (300, 257), (16383, 2)])
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM"}])
def test_canvas_is_read_from_all_three_heads(size: tuple[int, int], options: dict[str, object]) -> None:
    height, width = size
    file = io.BytesIO()
    Image.fromarray(pixels(height, width)).save(file, format="WEBP", **options)
    assert canvas(file.getvalue()) == (width, height)


def test_files_are_lossy() -> None:
    assert WebP().encode(pixels(20, 30), 100).data[12:16] == b"VP8 "


def test_sizes_in_the_head_are_checked() -> None:
    data = bytearray(WebP().encode(pixels(20, 30), 20).data)
    struct.pack_into("<HH", data, 26, 16383, 16382)
    with pytest.raises(CodecError, match="webp takes images of at most 33554432 pixels; got 16383 x 16382"):
        WebP().decode(bytes(data))


def test_sides_are_limited() -> None:
    with pytest.raises(CodecError, match=r"webp cannot encode 16384 x 1 pixels: .*16383"):
        WebP().encode(pixels(1, 16384), 20)
