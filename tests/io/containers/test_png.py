import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from biasgan.io.containers.metadata import MOST
from biasgan.io.containers.split import split

from .made import chunk, picture, png, tags

RAW = b"\nexif\n      44\n" + (b"Exif\0\0" + tags(">", 6)).hex().encode()
XMP = b"<rdf:Description tiff:Orientation='6'/>"


def test_pixels_are_alone_and_the_rest_is_kept() -> None:
    profile = chunk(b"iCCP", b"mine\0\0" + zlib.compress(b"profile"))
    size = chunk(b"pHYs", struct.pack(">2IB", 10000, 20000, 1))
    alone, metadata = split(png(profile, size, chunk(b"eXIf", tags("<", 6)), chunk(b"tEXt", b"a\0b")))
    assert alone == png()
    assert metadata
    assert (metadata.orientation, metadata.profile, metadata.dpi) == (6, b"profile", (254, 508))


@pytest.mark.parametrize(
    "said",
    [
        chunk(b"eXIf", tags("<", 6)),
        chunk(b"eXIf", tags(">", 6), whole=False),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW)),
        chunk(b"tEXt", b"Raw profile type APP1\0" + RAW),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    ],
)
def test_the_orientation_is_found_wherever_it_is(said: bytes) -> None:
    for data in (png(said), png()[:-12] + said + png()[-12:]):
        _, metadata = split(data)
        assert metadata
        assert metadata.orientation == 6


@pytest.mark.parametrize(
    "said",
    [
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(2**21))) * 40,
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(MOST + 1))),
        chunk(b"iCCP", b"none\0\0" + zlib.compress(bytes(MOST + 1))),
        chunk(b"iCCP", b""),
        chunk(b"gAMA", b"", whole=False),
        chunk(b"pHYs", bytes(9)) + chunk(b"acTL", b"") + chunk(b"tIME", bytes(3)),
        chunk(b"tEXt", b"a\0b", whole=False),
        b"\x7f" + chunk(b"tEXt", b"a\0b")[1:],
        b"\0\0\1\0" + chunk(b"tEXt", b"a\0b")[4:],
        b"\0\0\0\1" + chunk(b"tEXt", b"a\0b")[4:],
    ],
)
def test_nothing_beside_the_pixels_costs_them(said: bytes) -> None:
    alone, _ = split(png(said))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(alone))), picture())


@pytest.mark.parametrize(
    ("mode", "length", "fits"),
    [
        *[("L", length, length == 2) for length in (0, 1, 2, 3)],
        *[("1", length, length == 2) for length in (1, 2)],
        *[("RGB", length, length == 6) for length in (0, 2, 5, 6, 7)],
        *[("P", length, 0 < length <= 4) for length in (0, 1, 4, 5, 300)],
    ],
)
def test_transparency_of_a_wrong_length_costs_nothing(mode: str, length: int, fits: bool) -> None:
    given = Image.fromarray(picture())
    given = given.quantize(4) if mode == "P" else given.convert(mode)
    file = io.BytesIO()
    given.save(file, format="PNG")
    data = file.getvalue()
    place = data.index(b"IDAT") - 4
    alone, metadata = split(data[:place] + chunk(b"tRNS", bytes(length)) + data[place:])
    assert metadata
    assert metadata.remarks == ("its transparency is damaged and was left out",) * (not fits)
    assert (alone == data) != fits
    assert Image.open(io.BytesIO(alone)).convert("RGBA").size == given.size


def test_colours_that_are_left_out_are_told() -> None:
    srgb = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    primaries = struct.pack(">8I", *srgb)
    wide = struct.pack(">8I", *srgb[:2], 68000, 32000, 26500, 69000, 15000, 6000)
    space = "its colour space, cICP 12-16-0-1, was left out"
    for said, remarks in (
        (chunk(b"cHRM", wide), ("its primary colours, which are not those of sRGB, were left out",)),
        (chunk(b"cICP", bytes((12, 16, 0, 1))) + chunk(b"cHRM", wide), (space,)),
        (chunk(b"cICP", bytes((12, 16, 0, 1))) + chunk(b"sRGB", b"\0"), (space,)),
        (chunk(b"cICP", bytes((1, 13, 0, 1))) + chunk(b"cHRM", wide), ()),
        (chunk(b"cHRM", primaries), ()),
        (chunk(b"cHRM", wide[:30]), ()),
        (chunk(b"cHRM", wide) + chunk(b"sRGB", b"\0"), ()),
        (chunk(b"cHRM", wide) + chunk(b"iCCP", b"mine\0\0" + zlib.compress(b"profile")), ()),
    ):
        _, metadata = split(png(said))
        assert metadata
        assert metadata.remarks == remarks


def test_a_damaged_colour_key_and_a_curve_of_brightness_are_told() -> None:
    _, metadata = split(png(chunk(b"tRNS", bytes(6), whole=False), chunk(b"gAMA", struct.pack(">I", 100000))))
    assert metadata
    assert metadata.remarks == (
        "its transparency is damaged and was left out",
        "its brightness curve, a gamma of 1, was left out",
    )
    for usual in (chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0") + chunk(b"gAMA", bytes(4))):
        _, metadata = split(png(usual))
        assert metadata
        assert metadata.remarks == ()
