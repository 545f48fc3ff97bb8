import errno
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError

from biasgan.data.sets import sample
from biasgan.io.images import (
    ImageError,
    open_picture,
    pad_to_multiple,
    read_image,
    to_tensor,
    to_uint8,
    write_png,
)

from .containers.made import jpeg, packed, segment, tags, tiff

ORIENTATION = 0x0112


def pixels(height: int = 5, width: int = 7, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_png_keeps_every_pixel(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", pixels())
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert np.array_equal(image, pixels())
    assert image.flags.writeable
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_content_that_was_read_already_serves_too(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    write_png(file, np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    data = file.read_bytes()
    expected = read_image(file)
    file.write_bytes(b"no picture")
    assert np.array_equal(read_image(file, data), expected)
    with pytest.raises(ImageError, match=r"a\.png is not an image"):
        read_image(file, b"no picture")


def test_turns_as_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(pixels()).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "turned.png"), np.rot90(pixels(), k=-1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.full((4, 6), 255, np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(grey).convert("RGB").convert(mode)
    file = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png")
    picture.save(file)
    assert np.array_equal(read_image(file), np.full((4, 6, 3), 255, np.uint8))


def test_damage_beside_the_pixels_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    exif = tags("<", 6, 3, b"and garbage")
    file.write_bytes(jpeg(segment(0xE1, b"Exif\0\0" + exif), segment(0xE2, b"ICC_PROFILE\0\1\1no profile"))[:-2])
    plain = tmp_path / "b.jpg"
    plain.write_bytes(jpeg())
    assert np.array_equal(read_image(file), np.rot90(read_image(plain), k=-1))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_other_depths_fill_the_range(tmp_path: Path, bits: int) -> None:
    levels = pixels(24, 20).astype(int)
    most = (1 << bits) - 1
    rows = packed(np.round(levels * most / 255).astype(int).reshape(24, -1), bits, "<")
    (tmp_path / "a.tif").write_bytes(tiff([rows], (24, 20), {258: [bits] * 3, 262: [2], 277: [3]}))
    assert np.abs(read_image(tmp_path / "a.tif") - levels).max() <= 1
    white = packed(most - np.round(levels[..., 0] * most / 255).astype(int), bits, "<")
    (tmp_path / "b.tif").write_bytes(tiff([white], (24, 20), {258: [bits], 262: [0]}))
    assert np.array_equal(read_image(tmp_path / "b.tif")[..., 0], levels[..., 0])


def test_no_other_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [tmp_path / name for name in ("gs", "gswin64c", "djpeg")]
    for program in marks:
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"
    within = bytes.fromhex("1c08 0a00 00".replace(" ", "")) + page
    for name, content in (
        ("a.jpg", page),
        ("a.eps", page),
        ("a.png", b"\xc5\xd0\xd3\xc6" + bytes(28) + page),
        ("b", within),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match=rf"{name} is not an image that Pillow"):
            read_image(tmp_path / name)
    assert not (tmp_path / "started").exists()
    with pytest.raises(UnidentifiedImageError):
        open_picture(page)


def test_sixteen_bits_are_rounded(tmp_path: Path) -> None:
    levels = np.array([[0, 128, 129, 257, 32767, 65406, 65407, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    expected = np.round(levels / 257)
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 1], expected)


@pytest.mark.parametrize("name", ["a.png", "palette.png", "colour_key.png"])
def test_transparency_is_laid_on_white(tmp_path: Path, name: str) -> None:
    if name == "a.png":
        Image.fromarray(np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)).save(tmp_path / name)
        expected = [[10, 20, 30], [255, 255, 255], [204, 204, 204]]
    elif name == "palette.png":
        picture = Image.new("P", (2, 1))
        picture.putpalette([10, 20, 30, 40, 50, 60])
        picture.putpixel((1, 0), 1)
        picture.save(tmp_path / name, transparency=bytes([255, 0]))
        expected = [[10, 20, 30], [255, 255, 255]]
    else:
        picture = Image.fromarray(np.array([[[10, 20, 30], [1, 2, 3]]], np.uint8))
        picture.save(tmp_path / name, transparency=(1, 2, 3))
        expected = [[10, 20, 30], [255, 255, 255]]
    assert read_image(tmp_path / name)[0].tolist() == expected


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "bmp", "webp", "gif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path: Path, extension: str, share: float) -> None:
    file = tmp_path / f"cut.{extension}"
    Image.fromarray(pixels(64, 64)).save(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError, match=rf"cut\.{extension}"):
        read_image(file)


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.png is not an image that Pillow"):
        read_image(tmp_path / "text.png")
    with pytest.raises(ImageError, match=r"missing\.png cannot be read: No such file or directory\."):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ImageError, match=r"cannot be read: Is a directory\."):
        read_image(tmp_path)
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ImageError, match=r"float\.tif.*floating-point numbers.*save it with 8 or 16 bits"):
        read_image(tmp_path / "float.tif")
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "wide.tif")
    with pytest.raises(ImageError, match=r"wide\.tif.*beyond 0 to 65535"):
        read_image(tmp_path / "wide.tif")


def test_trouble_of_the_machine_is_no_trouble_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Too many open files"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_refuses_decompression_bombs(tmp_path: Path, side: int) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.raises(ImageError, match=r"bomb\.png is larger than Pillow's limit of 89478485 pixels"):
            read_image(tmp_path / "bomb.png")


def test_tensors_and_back() -> None:
    tensor = to_tensor(pixels())
    assert tensor.shape == (3, 5, 7)
    assert tensor.dtype == torch.float32
    assert tensor.max() == pixels().max() / 255
    assert np.array_equal(to_uint8(tensor), pixels())
    assert np.array_equal(to_uint8(tensor.bfloat16()), pixels())
    values = torch.tensor([-1.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 3.0]).expand(3, 1, 5)
    assert to_uint8(values.clone().requires_grad_())[0, :, 2].tolist() == [0, 0, 1, 255, 255]


@pytest.mark.parametrize("photograph", sample().train + sample().valid, ids=lambda path: path.stem)
def test_reads_the_sample_photographs(photograph: Path) -> None:
    image = read_image(photograph)
    with Image.open(photograph) as picture:
        assert np.array_equal(image, np.asarray(picture))


@pytest.mark.parametrize(("height", "width"), [(8, 16), (9, 15), (5, 7), (1, 1), (3, 20), (4, 5)])
def test_pads_at_the_bottom_and_right(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width, requires_grad=True)
    padded = pad_to_multiple(image, 8)
    assert padded.shape == (2, 3, -(-height // 8) * 8, -(-width // 8) * 8)
    assert torch.equal(padded[..., :height, :width], image)
    if 0 < -width % 8 < width:
        assert torch.equal(padded[..., :height, width], image[..., width - 2])
    elif -width % 8:
        assert torch.equal(padded[..., :height, -1], image[..., -1])
    padded.sum().backward()


@pytest.mark.parametrize(("height", "width", "expected"), [(3, 9, (8, 12)), (8, 1, (8, 8)), (1, 13, (8, 16))])
def test_pads_to_the_smallest_side_too(height: int, width: int, expected: tuple[int, int]) -> None:
    image = torch.rand(1, 3, height, width)
    padded = pad_to_multiple(image, 4, least=7)
    assert padded.shape[-2:] == expected
    assert torch.equal(padded[..., :height, :width], image)
