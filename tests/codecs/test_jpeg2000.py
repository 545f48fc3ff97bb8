import io
import struct

import numpy as np
import pytest
from PIL import Image

from biasgan.codecs.codec import CodecError
from biasgan.codecs.jpeg2000 import JPEG2000
from biasgan.data.sets import sample
from biasgan.io.images import read_image

HEIGHT, WIDTH = 255, 301
# Offsets into the head of a code stream, ISO/IEC 15444-1, A.5.1 and A.6.1.
SIZE, TILE_SIZE, LEVELS = 8, 24, 60


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(sample().valid[1])[:HEIGHT, :WIDTH]


@pytest.mark.parametrize("ratio", [5, 10, 20, 40, 80, 160])
def test_the_file_has_the_size_that_the_ratio_says(photograph: np.ndarray, ratio: int) -> None:
    bits_per_pixel = JPEG2000().encode(photograph, ratio).bits / (HEIGHT * WIDTH)
    assert 0.9 * 24 / ratio < bits_per_pixel < 1.01 * 24 / ratio


def test_the_code_stream_says_what_the_class_says(photograph: np.ndarray) -> None:
    data = JPEG2000().encode(photograph, 40).data
    assert data[:4] == b"\xff\x4f\xff\x51"
    assert struct.unpack_from(">II", data, SIZE) == (WIDTH, HEIGHT)
    assert struct.unpack_from(">II", data, TILE_SIZE) == (WIDTH, HEIGHT)
    layers, colour_transform = struct.unpack_from(">HB", data, LEVELS - 3)
    assert (layers, colour_transform) == (1, 1)
    *block, _, wavelet = data[LEVELS + 1 : LEVELS + 5]
    assert block == [4, 4]
    irreversible = 0
    assert wavelet == irreversible


def test_sizes_in_the_head_are_checked(photograph: np.ndarray) -> None:
    data = bytearray(JPEG2000().encode(photograph, 40).data)
    struct.pack_into(">II", data, SIZE, 2**31, 2**31)
    with pytest.raises(CodecError, match=f"jpeg2000 takes images of at most 33554432 pixels; got {2**31} x {2**31}"):
        JPEG2000().decode(bytes(data))


def test_other_kinds_of_files_are_refused(photograph: np.ndarray) -> None:
    for options in ({}, {"no_jp2": True, "codeblock_size": (4, 4)}, {"no_jp2": True, "precinct_size": (64, 64)}):
        file = io.BytesIO()
        Image.fromarray(photograph).save(file, format="JPEG2000", **options)
        with pytest.raises(CodecError, match="they are no bare code stream with blocks of 64 x 64"):
            JPEG2000().decode(file.getvalue())
