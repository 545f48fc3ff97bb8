import io
import itertools
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image, ImageCms
from skimage.color import lab2rgb

from biasgan.codecs import bpg
from biasgan.codecs.bpg_container import variable_length
from biasgan.inference.photo import FORMAT_OF, Photo, of_picture, read_photo, write_photo
from biasgan.io.images import ImageError, read_image

from ..conftest import needs_bpg
from ..io.containers.made import jpeg, segment, tags
from .profiles import GREY_PROFILE, PROFILE, black_alone_counts, grey_profile

KINDS = [(bits, grey, alpha) for bits in (8, 16) for grey in (False, True) for alpha in (False, True)]


def exif(orientation: int | None = None) -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Voigtländer".encode().decode("latin-1")
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2001:02:03 04:05:06"
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    if orientation:
        tags[ExifTags.Base.Orientation] = orientation
    return tags.tobytes()


def photo(bits: int = 8, grey: bool = False, alpha: bool = False, size: tuple[int, int] = (9, 7)) -> Photo:
    random = np.random.default_rng(bits)
    kind = np.dtype(f"uint{bits}")
    levels = random.integers(0, 2**bits, (*size, 4)).astype(kind)
    colour = levels[..., :1].repeat(3, axis=2) if grey else levels[..., :3]
    return Photo(colour, grey, levels[..., 3] if alpha else None, GREY_PROFILE if grey else PROFILE, exif(), (300, 300))


def same(one: Photo, other: Photo) -> None:
    assert one.colour.dtype == other.colour.dtype
    assert np.array_equal(one.pixels, other.pixels)
    assert one.grey == other.grey
    assert one.profile == other.profile


def facts(data: bytes | None) -> list[object]:
    tags = Image.Exif()
    tags.load(data or b"")
    return [
        tags.get(ExifTags.Base.Make), tags.get(ExifTags.Base.Orientation),
        tags.get_ifd(ExifTags.IFD.Exif), tags.get_ifd(ExifTags.IFD.GPSInfo),
    ]  # fmt: skip


@pytest.mark.parametrize(("bits", "grey", "alpha"), KINDS)
def test_png_keeps_everything(tmp_path: Path, bits: int, grey: bool, alpha: bool) -> None:
    before = photo(bits, grey, alpha)
    assert write_photo(tmp_path / "a.png", before) == ()
    after = read_photo(tmp_path / "a.png")
    same(before, after)
    assert facts(after.exif) == facts(before.exif)
    assert after.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("extension", [".webp", ".tif", ".tiff"])
@pytest.mark.parametrize(("grey", "alpha"), [(False, False), (False, True), (True, False)])
def test_others_lose_nothing_of_8_bits(tmp_path: Path, extension: str, grey: bool, alpha: bool) -> None:
    before = photo(8, grey, alpha)
    if grey and extension == ".webp":
        before = replace(before, profile=None)
    assert write_photo(tmp_path / f"a{extension}", before) == ()
    after = read_photo(tmp_path / f"a{extension}")
    assert np.array_equal(after.colour, before.colour)
    assert (after.alpha is None, before.alpha is None) == (not alpha, not alpha)
    if after.alpha is not None and before.alpha is not None:
        assert np.array_equal(after.alpha, before.alpha)
    assert after.profile == before.profile
    assert facts(after.exif) == facts(before.exif)


@pytest.mark.parametrize(("grey", "alpha"), [(False, False), (False, True), (True, False)])
def test_tiff_keeps_16_bits(tmp_path: Path, grey: bool, alpha: bool) -> None:
    before = photo(16, grey, alpha)
    remarks = write_photo(tmp_path / "a.tif", before)
    assert remarks == (() if grey else ("no EXIF in TIFF of 16 bits",))
    same(before, read_photo(tmp_path / "a.tif"))
    assert np.array_equal(np.atleast_3d(tifffile.imread(tmp_path / "a.tif")), before.pixels)


@pytest.mark.parametrize("alpha", [False, True])
def test_tiff_of_16_bits_claims_nothing(tmp_path: Path, alpha: bool) -> None:
    assert write_photo(tmp_path / "a.tif", replace(photo(16, False, alpha), dpi=None, exif=None)) == ()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        found = cast(Any, file.pages[0]).tags
    assert "Software" not in found
    assert found["ResolutionUnit"].value == 1
    assert read_photo(tmp_path / "a.tif").dpi is None


@pytest.mark.parametrize(("bits", "grey", "alpha"), KINDS)
def test_another_reader_finds_the_same_pixels_in_png(tmp_path: Path, bits: int, grey: bool, alpha: bool) -> None:
    av = pytest.importorskip("av", reason="pip install 'biasgan[bpg]'")
    before = photo(bits, grey, alpha, size=(131, 5))
    write_photo(tmp_path / "a.png", before)
    with av.open(tmp_path / "a.png") as container:
        frame = next(container.decode(video=0))
    channels = before.pixels.shape[2]
    assert frame.format.name == {
        (8, 1): "gray", (8, 2): "ya8", (8, 3): "rgb24", (8, 4): "rgba",
        (16, 1): "gray16be", (16, 2): "ya16be", (16, 3): "rgb48be", (16, 4): "rgba64be",
    }[bits, channels]  # fmt: skip
    (plane,) = frame.planes
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(131, plane.line_size)[:, : 5 * channels * bits // 8]
    pixels = np.ascontiguousarray(rows).view(f">u{bits // 8}").reshape(131, 5, channels)
    assert np.array_equal(pixels, before.pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bits_of_others_are_read(tmp_path: Path, order: Literal["<", ">"], compression: str | None) -> None:
    before = photo(16).colour
    tifffile.imwrite(tmp_path / "a.tif", before, photometric="rgb", byteorder=order, compression=compression)
    assert np.array_equal(read_photo(tmp_path / "a.tif").colour, before)


def test_16_bits_that_pillow_would_read_wrongly_are_refused(tmp_path: Path) -> None:
    planes = np.moveaxis(photo(16).colour, 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(ImageError, match=r"a\.tif cannot be read: its 16 bits lie in a way"):
        read_photo(tmp_path / "a.tif")


def interlaced(pixels: np.ndarray) -> bytes:
    """Adam7, which no writer at hand makes."""
    height, width, channels = pixels.shape
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = [
        b"\0" + line.astype(">u2").tobytes()
        for top, left, down, right in passes
        for line in pixels[top::down, left::right]
        if line.size
    ]
    head = struct.pack(">2I5B", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize(("grey", "alpha"), [(False, False), (False, True), (True, True)])
def test_interlaced_16_bits_are_read(tmp_path: Path, grey: bool, alpha: bool) -> None:
    before = photo(16, grey, alpha, size=(19, 13))
    (tmp_path / "a.png").write_bytes(interlaced(before.pixels))
    after = read_photo(tmp_path / "a.png")
    assert np.array_equal(after.pixels, before.pixels)
    assert after.grey == grey


@pytest.mark.parametrize(("grey", "alpha"), [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_of_16_bits_are_named(
    tmp_path: Path, extension: str, grey: bool, alpha: bool, share: float
) -> None:
    path = tmp_path / f"cut{extension}"
    write_photo(path, photo(16, grey, alpha, size=(99, 80)))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ImageError, match=rf"cut\{extension}"):
        read_photo(path)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(("bits", "grey", "alpha"), KINDS)
def test_it_is_turned_once(tmp_path: Path, bits: int, grey: bool, alpha: bool, orientation: int) -> None:
    before = photo(bits, grey, alpha)
    write_photo(tmp_path / "a.png", replace(before, exif=exif(orientation)))
    turn = {
        2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2), 8: np.rot90,
    }[orientation]  # fmt: skip
    after = read_photo(tmp_path / "a.png")
    assert np.array_equal(after.pixels, turn(before.pixels))
    assert facts(after.exif) == facts(exif())
    write_photo(tmp_path / "b.png", after)
    same(read_photo(tmp_path / "b.png"), after)


def test_jpeg_keeps_what_it_can(tmp_path: Path) -> None:
    smooth = np.linspace(0, 65535, 64).astype(np.uint16)
    before = Photo(np.broadcast_to(smooth[:, np.newaxis, np.newaxis], (64, 48, 3)), False, None, PROFILE, exif())
    assert write_photo(tmp_path / "a.jpg", before) == ("8 bits, since JPEG has no more here",)
    after = read_photo(tmp_path / "a.jpg")
    assert np.abs(after.colour.astype(int) - before.shallow().colour).max() <= 2
    assert (after.profile, facts(after.exif)) == (PROFILE, facts(exif()))
    with Image.open(tmp_path / "a.jpg") as picture:
        assert [layer[1:3] for layer in picture.layer] == [(1, 1)] * 3  # pyright: ignore[reportAttributeAccessIssue]


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="JPEG has no transparency; choose PNG or WebP"):
        write_photo(tmp_path / "a.jpg", photo(alpha=True))
    with pytest.raises(ImageError, match=r"a\.gif has no extension that can be written; expected \.png, \.webp"):
        write_photo(tmp_path / "a.gif", photo())
    with pytest.raises(ImageError, match=r"a\.webp cannot be written"):
        write_photo(tmp_path / "a.webp", photo(size=(1, 16384)))
    with pytest.raises(FileNotFoundError):
        write_photo(tmp_path / "none" / "a.png", photo())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extension", FORMAT_OF)
def test_every_format_can_be_written(tmp_path: Path, extension: str) -> None:
    write_photo(tmp_path / f"a{extension.upper()}", photo())
    assert read_photo(tmp_path / f"a{extension.upper()}").colour.shape == (9, 7, 3)


@pytest.mark.parametrize(("bits", "grey", "alpha"), KINDS)
def test_an_unchanged_image_gives_the_same_pixels(bits: int, grey: bool, alpha: bool) -> None:
    before = photo(bits, grey, alpha)
    same(before, before.with_image(before.to_image()))
    every = np.arange(2**bits, dtype=f"uint{bits}").reshape(-1, 16, 1).repeat(3, axis=2)
    assert np.array_equal(Photo(every).with_image(Photo(every).to_image()).colour, every)


def test_grey_is_the_mean_of_three_channels() -> None:
    after = photo(grey=True, size=(1, 1)).with_image(torch.tensor([0.1, 0.2, 0.6]).view(3, 1, 1))
    assert after.pixels.tolist() == [[[round(0.3 * 255)]]]


def test_transparent_colours_are_kept(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[[10, 20, 30, 0], [40, 50, 60, 255]]], np.uint8))
    picture.save(tmp_path / "a.png")
    after = read_photo(tmp_path / "a.png")
    assert after.colour.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert after.alpha is not None
    assert after.alpha.tolist() == [[0, 255]]
    write_photo(tmp_path / "a.webp", after)
    assert np.array_equal(read_photo(tmp_path / "a.webp").pixels, after.pixels)


def test_a_transparent_palette_and_colour_keys_become_alpha(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("L").convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=0)
    deep = np.array([[7, 60000]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png", transparency=7)
    for name, colour, highest in (
        ("p.png", [[[10, 20, 30], [40, 50, 60]]], 255),
        ("deep.png", [[[7] * 3, [60000] * 3]], 65535),
    ):
        after = read_photo(tmp_path / name)
        assert after.colour.tolist() == colour
        assert after.alpha is not None
        assert after.alpha.tolist() == [[0, highest]]


def test_one_bit_is_grey(tmp_path: Path) -> None:
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "a.png")
    after = read_photo(tmp_path / "a.png")
    assert after.grey
    assert np.array_equal(after.pixels[..., 0], np.eye(4) * 255)


def test_cmyk_becomes_srgb(tmp_path: Path) -> None:
    picture = Image.new("CMYK", (4, 4), (0, 128, 128, 0))
    picture.save(tmp_path / "plain.tif")
    picture.save(tmp_path / "odd.tif", icc_profile=b"no profile")
    plain, odd = read_photo(tmp_path / "plain.tif"), read_photo(tmp_path / "odd.tif")
    assert plain.remarks == ("CMYK became sRGB",)
    assert odd.remarks == ("CMYK became sRGB", "its colour profile is damaged and was left out")
    assert plain.profile is odd.profile is None
    assert np.array_equal(plain.colour, odd.colour)


def test_the_profile_of_cmyk_counts(tmp_path: Path) -> None:
    inks = np.array([[[200, 50, 10, 0], [0, 0, 0, 128], [90, 90, 90, 255]]], np.uint8)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=black_alone_counts())
    after = read_photo(tmp_path / "a.tif")
    middle = 255 * lab2rgb([[[100 * (1 - 128 / 255), 0, 0]]])[0, 0, 0]
    expected = np.array([255, middle, 0]).reshape(1, 3, 1)
    assert np.abs(after.colour - expected).max() <= 2
    assert after.profile is None


def test_of_an_animation_it_is_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime")]
    for name in ("a.gif", "a.webp", "a.tif", "a.png"):
        options: dict[str, Any] = {"lossless": True} if "webp" in name else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        after = read_photo(tmp_path / name)
        assert after.remarks == ("only the first of its frames",)
        assert after.colour[0, 0].tolist() == [255, 0, 0]
    # The photograph of a phone, with a second picture for special displays.
    frames[0].save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert read_photo(tmp_path / "phone.jpg").remarks == ()


def test_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    buffer = io.BytesIO()
    Image.fromarray(photo(size=(99, 99)).colour).save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:2000])
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    Image.new("1", (101, 100)).save(tmp_path / "bomb.png")
    for name, reason in {
        "empty.png": "is not an image", "folder.png": "Is a directory", "none.png": "No such file",
        "cut.jpg": "truncated", "float.tif": "floating-point", "bomb.png": "larger than Pillow's limit",
    }.items():  # fmt: skip
        with pytest.raises(ImageError, match=reason) as error:
            read_photo(tmp_path / name)
        assert name in str(error.value)


@needs_bpg
def test_bpg_is_read() -> None:
    vectors = Path(__file__).parents[1] / "codecs" / "bpg_vectors"
    colour, grey = (read_photo(vectors / name) for name in ("astro_33x25_q22.bpg", "camera_121x90_q32_gray.bpg"))
    assert (colour.grey, grey.grey) == (False, True)
    assert np.array_equal(colour.colour, read_photo(vectors / "astro_33x25_q22.png").colour)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_go_to_and_fro(mode: str) -> None:
    levels = Image.fromarray(photo(8, size=(6, 5)).colour)
    picture = Image.fromarray(photo(16).colour[..., 0]) if mode == "I;16" else levels.convert(mode)
    again = of_picture(picture).picture
    assert again.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
    assert np.array_equal(np.asarray(again), np.asarray(picture.convert(again.mode)))


def kept(path: Path, photo: Photo) -> Photo:
    """A photograph that was written, which must be readable without a remark, and by those who read pixels alone."""
    write_photo(path, photo)
    again = read_photo(path)
    assert again.remarks == ()
    assert read_image(path).shape == again.colour.shape
    return again


@pytest.mark.parametrize("extension", FORMAT_OF)
def test_damage_beside_the_pixels_costs_what_is_damaged(tmp_path: Path, extension: str) -> None:
    before = photo()
    unusable = (b"Exif\0\0" + bytes(30), tags("<", 3, 3, b"and garbage"))
    for number, (exif_, colours) in enumerate(itertools.product((*unusable, exif(3)), (PROFILE[:200], b"no profile"))):
        (tmp_path / "a.jpg").write_bytes(
            jpeg(
                segment(0xE1, exif_ if exif_.startswith(b"Exif") else b"Exif\0\0" + exif_),
                segment(0xE2, b"ICC_PROFILE\0\1\1" + colours),
                pixels=before.colour,
            )
        )
        after = read_photo(tmp_path / "a.jpg")
        assert after.profile is None
        assert (after.exif is None) == (number < 4)
        assert after.remarks == (
            *("its EXIF cannot be used and was left out",) * (number < 4),
            "its colour profile is damaged and was left out",
        )
        (tmp_path / "plain.jpg").write_bytes(jpeg(pixels=before.colour))
        turn = np.rot90 if number >= 2 else lambda pixels, _: pixels
        assert np.array_equal(after.colour, turn(read_photo(tmp_path / "plain.jpg").colour, 2))
        kept(tmp_path / f"b{extension}", after)


def test_a_large_profile_is_kept_and_read_again(tmp_path: Path) -> None:
    large = (struct.pack(">I", 1_400_000) + PROFILE[4:]).ljust(1_400_000, b"\0")
    parts = [large[start : start + 65000] for start in range(0, len(large), 65000)]
    segments = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)
    ]
    (tmp_path / "a.jpg").write_bytes(jpeg(*segments))
    before = read_photo(tmp_path / "a.jpg")
    assert (before.profile, before.remarks) == (large, ())
    for name in ("b.png", "b.jpg", "b.webp", "b.tif", "b.avif"):
        assert kept(tmp_path / name, before).profile == large


def test_what_a_format_cannot_hold_is_left_out_alone(tmp_path: Path) -> None:
    long = Image.Exif()
    long[ExifTags.Base.ImageDescription] = "x" * 100_000
    before = replace(photo(), exif=long.tobytes())
    assert write_photo(tmp_path / "a.jpg", before) == ("no EXIF, which JPEG cannot hold",)
    after = read_photo(tmp_path / "a.jpg")
    assert (after.exif, after.profile, after.dpi) == (None, PROFILE, (300, 300))
    assert write_photo(tmp_path / "a.png", before) == ()
    # That of microscopes, and of maps.
    assert write_photo(tmp_path / "a.jpg", replace(photo(), dpi=(1e6, 1e6))) == (
        "no resolution, which JPEG cannot hold",
    )


def test_exif_about_another_file_is_not_about_a_tiff(tmp_path: Path) -> None:
    foreign = Image.Exif()
    foreign.update({ExifTags.Base.ImageWidth: 4000, ExifTags.Base.BitsPerSample: 2, ExifTags.Base.Make: "somebody"})
    after = kept(tmp_path / "a.tif", replace(photo(), exif=foreign.tobytes()))
    assert np.array_equal(after.colour, photo().colour)
    assert facts(after.exif)[0] == "somebody"


@pytest.mark.parametrize("name", ["a.webp", "a.avif"])
def test_grey_becomes_srgb_where_its_profile_would_be_one_of_rgb(tmp_path: Path, name: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    remarks = write_photo(tmp_path / name, Photo(ramp, True, None, grey_profile(1.8)))
    assert remarks == (f"its grey became sRGB, since {name[2:].upper()} has no other",)
    after = read_photo(tmp_path / name)
    assert after.profile is None
    linear = (ramp / 255) ** 1.8
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(after.colour - expected).max() <= 3


def test_a_profile_is_kept_where_it_fits_the_pixels_alone(tmp_path: Path) -> None:
    colours, deep = Image.fromarray(photo().colour), Image.fromarray(photo(16).colour[..., 0])
    for picture, profile, remark in (
        (colours, GREY_PROFILE, "its colour profile is for GRAY, not for RGB, and was left out"),
        (colours.convert("CMYK"), PROFILE, "its colour profile is for RGB, not for CMYK, and was left out"),
        (deep, PROFILE, "its colour profile is for RGB, not for GRAY, and was left out"),
    ):
        picture.save(tmp_path / "a.tif", icc_profile=profile)
        after = read_photo(tmp_path / "a.tif")
        assert after.profile is None
        assert after.remarks[-1] == remark
    # Grey of 8 bits is converted.
    grey = colours.convert("L")
    grey.save(tmp_path / "a.jpg", icc_profile=PROFILE, quality=100)
    after = read_photo(tmp_path / "a.jpg")
    assert (after.grey, after.profile, after.remarks) == (True, None, ())
    assert np.abs(after.colour[..., 0].astype(int) - np.asarray(grey)).max() <= 3


def test_a_profile_of_no_picture_is_left_out(tmp_path: Path) -> None:
    for kind, reason in ((b"link", "links devices"), (b"abst", "is an effect"), (b"nmcl", "names colours")):
        Image.fromarray(photo().colour).save(tmp_path / "a.png", icc_profile=PROFILE[:12] + kind + PROFILE[16:])
        after = read_photo(tmp_path / "a.png")
        assert (after.profile, after.remarks) == (None, (f"its colour profile {reason} and was left out",))


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    # L* of 50, then 20 of a*, which is red.
    lab = Image.merge("LAB", [Image.new("L", (2, 1), level) for level in (128, 128, 128)])
    lab.putpixel((1, 0), (128, 148, 128))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    lab.save(tmp_path / "a.tif", icc_profile=profile)
    after = read_photo(tmp_path / "a.tif")
    assert (after.profile, after.remarks) == (None, ("Lab became sRGB",))
    grey, red = after.colour[0].astype(int)
    assert np.abs(grey - 255 * lab2rgb([[[128 / 2.55, 0, 0]]])[0, 0]).max() <= 2
    assert red[0] > grey[0] + 15
    assert red[1] < grey[1] - 5
    assert np.array_equal(read_image(tmp_path / "a.tif"), after.colour)


@needs_bpg
@pytest.mark.parametrize("grey", [False, True])
def test_bpg_is_turned_and_keeps_what_others_keep(tmp_path: Path, grey: bool) -> None:
    before = photo(grey=grey, size=(40, 56))
    data = bpg.encode(before.colour[..., 0] if grey else before.colour, 10)
    profile = GREY_PROFILE if grey else PROFILE
    said = [(1, exif(6)[6:]), (2, profile), (9, b"of the future")]
    extensions = b"".join(variable_length(kind) + variable_length(len(fact)) + fact for kind, fact in said)
    head = data[:5] + bytes((data[5] | 8,)) + data[6:9] + variable_length(len(extensions))
    (tmp_path / "a.bpg").write_bytes(head + extensions + data[9:])
    after = read_photo(tmp_path / "a.bpg")
    assert after.remarks == ()
    assert np.array_equal(after.colour, np.rot90(bpg.decode(data), -1))
    assert (after.grey, after.profile, facts(after.exif)) == (grey, profile, facts(exif()))


@needs_bpg
def test_a_limit_of_pixels_counts_for_bpg_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bpg.encode(photo(size=(40, 56)).colour, 40)
    (tmp_path / "a.bpg").write_bytes(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(ImageError, match=r"a\.bpg is larger than Pillow's limit of 2000 pixels"):
        read_photo(tmp_path / "a.bpg")
    # The codec's own limit is for what it codes.
    monkeypatch.setattr(bpg.BPG, "most_pixels", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_photo(tmp_path / "a.bpg").colour.shape == (40, 56, 3)


def test_avif_is_read_whatever_its_exif_is(tmp_path: Path) -> None:
    Image.fromarray(photo().colour).save(tmp_path / "a.avif", exif=exif(6))
    data = (tmp_path / "a.avif").read_bytes()
    place = data.rindex(b"MM\0*") if b"MM\0*" in data else data.rindex(b"II*\0")
    (tmp_path / "a.avif").write_bytes(data[:place] + bytes(8) + data[place + 8 :])
    after = read_photo(tmp_path / "a.avif")
    assert after.remarks == ("its EXIF cannot be used and was left out",)
    # AVIF says elsewhere how it lies.
    assert after.colour.shape == (7, 9, 3)
