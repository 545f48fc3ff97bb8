from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biasgan.codecs import bpg
from biasgan.codecs.bpg_container import (
    Picture,
    read,
    read_extensions,
    read_variable_length,
    variable_length,
    write,
)
from biasgan.codecs.codec import CodecError

VECTORS = sorted((Path(__file__).parent / "bpg_vectors").glob("*.bpg"))
FILE = VECTORS[-1].read_bytes()
"""64 x 64 pixels: a head of 6 bytes, then width, height and length of one byte each."""


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_reference_files_are_written_back_byte_for_byte(path: Path) -> None:
    data = path.read_bytes()
    assert write(read(data)) == data


def test_heads_are_read_field_by_field() -> None:
    picture = read((VECTORS[0].parent / "astro_101x67_q27.bpg").read_bytes())
    assert (picture.chroma, picture.width, picture.height) == ("4:2:0", 101, 67)
    tools = picture.tools
    assert (tools.coding_block, tools.coding_block_steps) == (3, 3)
    assert (tools.transform_block, tools.transform_block_steps) == (2, 3)
    assert tools.sample_adaptive_offset
    assert tools.pcm is None


def with_extensions(*extensions: tuple[int, bytes]) -> bytes:
    """The file with extensions, each a tag and its content."""
    content = b"".join(variable_length(tag) + variable_length(len(data)) + data for tag, data in extensions)
    return FILE[:5] + bytes([FILE[5] | 0x08]) + FILE[6:9] + variable_length(len(content)) + content + FILE[9:]


@pytest.mark.parametrize(
    "file",
    [
        with_extensions((1, b"Exif" * 50)),
        with_extensions((2, bytes(3000)), (3, b"<x:xmpmeta/>"), (4, b""), (77, b"unknown")),
        with_extensions(),
    ],
)
def test_extensions_are_passed_over(file: bytes) -> None:
    assert read(file) == read(FILE)
    assert np.array_equal(bpg.decode(file), bpg.decode(FILE))


def test_what_follows_a_picture_of_known_length_is_ignored() -> None:
    length = len(FILE) - 9
    assert read(FILE[:8] + variable_length(length) + FILE[9:] + b"more") == read(FILE)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 16383, 16384, 2**32 - 1])
def test_variable_lengths_come_back(number: int) -> None:
    data = variable_length(number)
    assert read_variable_length(b"?" + data + b"?", 1) == (number, 1 + len(data))
    assert len(data) == max(1, -(-number.bit_length() // 7))


def changed(position: int, value: int) -> bytes:
    return FILE[:position] + bytes([value]) + FILE[position + 1 :]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "does not begin as BPG files do"),
        (b"\x89PNG" + FILE[4:], "does not begin as BPG files do"),
        (changed(4, 0x30), "has an alpha plane, not supported"),
        (changed(5, 0x04), "has an alpha plane, not supported"),
        (changed(5, 0x01), "has animation, not supported"),
        (changed(4, 0x22), "has 10 bits, not supported"),
        (changed(4, 0x80), "has MPEG-2's chroma positions, not supported"),
        (changed(4, 0xC0), "has pixel format 6, not supported"),
        (changed(5, 0x10), "has RGB, not supported"),
        (changed(5, 0x30), r"has YCbCr of BT\.709, not supported"),
        (changed(5, 0x70), "has colour space 7, not supported"),
        (changed(5, 0x02), "has limited range, not supported"),
        (changed(4, 0x3F)[:5] + b"\x71" + FILE[6:], "has an alpha plane, 23 bits, colour space 7, animation, not"),
        (changed(6, 0), "has 0 x 64 pixels"),
        (FILE[:6], "a damaged number in its head"),
        (FILE[:6] + b"\xff" * 9, "a damaged number in its head"),
        (FILE[:9], "a damaged number in its head"),
        (FILE[:12], "ends early"),
        (FILE[:8] + variable_length(500) + FILE[9:], "ends early"),
        (changed(8, 2), "ends early"),
        (changed(9, 0), "ends early"),
        (changed(10, 0), "ends .* bits early|more than 32 bits"),
        (changed(5, 0x08), "coding blocks of|ends early"),
    ],
)
def test_what_cannot_be_read_is_told(file: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(file)
    with pytest.raises(CodecError, match=rf"bpg cannot decode {len(file)} bytes: it .*({message})"):
        bpg.decode(file)


@pytest.mark.parametrize(
    "change", [{"coding_block": 7}, {"coding_block_steps": 4}, {"transform_block": 3}, {"transform_depth": 9}]
)
def test_sizes_of_blocks_that_hevc_does_not_have_are_refused(change: dict[str, Any]) -> None:
    file = write(Picture("4:2:0", 64, 64, replace(read(FILE).tools, **change), b"data"))
    with pytest.raises(ValueError, match="coding blocks of"):
        read(file)


def test_extensions_are_read_as_far_as_they_are_whole() -> None:
    data = with_extensions((1, b"EXIF"), (3, b"XMP"), (1, b"more"), (200, b""))
    assert read_extensions(data) == {1: b"EXIF", 3: b"XMP", 200: b""}
    assert read_extensions(FILE) == read_extensions(b"") == {}
    for length in range(len(data)):
        assert set(read_extensions(data[:length])) <= {1, 3, 200}
    # What one claims beyond the last byte of all is not another's.
    longer = with_extensions((1, b"EXIF")).replace(b"\x04EXIF", b"\x09EXIF")
    assert read_extensions(longer) == {1: b"EXIF"}
    assert read(longer) == read(FILE)
