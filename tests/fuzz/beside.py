"""Picture files whose pixels are good, and what stands beside them is damaged."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms

from biasgan.codecs import bpg
from biasgan.codecs.bpg_container import variable_length

from .mutations import mutate, put
from .targets import photograph

SIZE = (24, 32)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # pyright: ignore[reportUnknownMemberType] - partial stubs
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:title="none"/></x:xmpmeta>'


class Part(NamedTuple):
    """A part of a file.

    Attributes:
        content: What it says.
        wrap: Puts its length, name and checksum around that; None for pixels, which are not damaged.
    """

    content: bytes
    wrap: Callable[[bytes], bytes] | None = None


def exif() -> bytes:
    tags = Image.Exif()
    tags.update({0x010E: "a picture", 0x010F: "somebody", 0x0112: 6, 0x011A: 300.0, 0x011B: 300.0, 0x0128: 2})
    tags.get_ifd(ExifTags.IFD.Exif).update({0x9003: "2001:02:03 04:05:06", 0x829A: 0.01, 0x927C: bytes(40)})
    tags.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (1.0, 2.0, 3.0)})
    return tags.tobytes()


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photograph(*SIZE)).save(file, format=kind, **options)
    return file.getvalue()


def segment(marker: int) -> Callable[[bytes], bytes]:
    return lambda content: bytes((0xFF, marker)) + struct.pack(">H", min(len(content) + 2, 65535)) + content[:65533]


def jpeg() -> list[Part]:
    data = saved("JPEG", quality=90)
    return [
        Part(data[:2]),
        Part(exif(), segment(0xE1)),
        Part(b"http://ns.adobe.com/xap/1.0/\0" + XMP, segment(0xE1)),
        Part(b"ICC_PROFILE\0\1\1" + PROFILE, segment(0xE2)),
        Part(b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\0\0\7\0\0\0\4" + b"0100\0\0\0\0", segment(0xE2)),
        Part(b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\0", segment(0xED)),
        Part(b"said by somebody", segment(0xFE)),
        Part(data[2:]),
    ]


def chunk(name: bytes) -> Callable[[bytes], bytes]:
    def wrap(content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return wrap


def png() -> list[Part]:
    data = saved("PNG")
    raw = exif()
    text = b"\nexif\n%8d\n" % len(raw) + raw.hex().encode()
    return [
        Part(data[:33]),
        Part(b"none\0\0" + zlib.compress(PROFILE), chunk(b"iCCP")),
        Part(struct.pack(">I", 45455), chunk(b"gAMA")),
        Part(bytes(32), chunk(b"cHRM")),
        Part(struct.pack(">2IB", 2835, 2835, 1), chunk(b"pHYs")),
        Part(raw[6:], chunk(b"eXIf")),
        Part(b"Raw profile type exif\0\0" + zlib.compress(text), chunk(b"zTXt")),
        Part(b"XML:com.adobe.xmp\0\0\0\0\0" + XMP, chunk(b"iTXt")),
        Part(b"Title\0none", chunk(b"tEXt")),
        Part(struct.pack(">2I", 1, 0), chunk(b"acTL")),
        Part(data[33:-12]),
        Part(b"Author\0somebody", chunk(b"tEXt")),
        Part(data[-12:]),
    ]


def riff(name: bytes) -> Callable[[bytes], bytes]:
    return lambda content: name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp() -> list[Part]:
    pixels = saved("WEBP", lossless=True, exact=True)[12:]
    height, width = SIZE
    head = bytes((0x2C, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return [
        Part(b"RIFF\0\0\0\0WEBP" + riff(b"VP8X")(head)),
        Part(PROFILE, riff(b"ICCP")),
        Part(pixels),
        Part(exif()[6:], riff(b"EXIF")),
        Part(XMP, riff(b"XMP ")),
    ]


def tiff(random: Random) -> bytes:
    """A whole file at once, since its parts point at each other."""
    height, width = SIZE
    pixels = photograph(*SIZE).tobytes()
    numbers = {256: width, 257: height, 258: 8, 259: 1, 262: 2, 273: 8, 277: 3, 278: height, 279: len(pixels), 284: 1}
    entries = {tag: struct.pack("<HHII", tag, 4, 1, number) for tag, number in numbers.items()}
    facts: Mapping[int, tuple[int, bytes]] = {
        270: (2, b"a picture\0"), 271: (2, b"somebody\0"), 274: (3, b"\6\0\0\0"), 282: (5, struct.pack("<2I", 300, 1)),
        283: (5, struct.pack("<2I", 300, 1)), 296: (3, b"\2\0\0\0"), 306: (2, b"2001:02:03 04:05:06\0"), 700: (1, XMP),
        33723: (7, bytes(20)), 34377: (1, b"8BIM" + bytes(12)), 34665: (4, bytes(8)), 34675: (7, PROFILE),
        34853: (4, bytes(8)),
    }  # fmt: skip
    damaged = random.sample(sorted(facts), random.choice((1, 1, 2, 4)))
    content = pixels
    for tag, (kind, values) in facts.items():
        values = mutate(values, random) if tag in damaged and random.random() < 0.5 else values
        number = 1 if kind in (3, 4, 5) else len(values)
        place = values if kind == 3 else struct.pack("<I", 8 + len(content))
        entry = bytearray(struct.pack("<HHI", tag, kind, number) + place[:4].ljust(4, b"\0"))
        content += b"" if kind == 3 else values
        if tag in damaged:
            # All but the tag itself, which could become one of the pixels'.
            start, size = random.choice(((2, 2), (4, 4), (8, 4), (8, 2)))
            put(entry, start, size, random, "little")
        entries[tag] = bytes(entry)
    table = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + table


def extension(kind: int) -> Callable[[bytes], bytes]:
    return lambda content: variable_length(kind) + variable_length(len(content)) + content


def bpg_picture() -> list[Part]:
    data = bpg.encode(photograph(*SIZE), 20)
    return [
        Part(data[:5] + bytes((data[5] | 8,)) + data[6:9]),
        Part(exif()[6:], extension(1)),
        Part(PROFILE, extension(2)),
        Part(XMP, extension(3)),
        Part(bytes(30), extension(4)),
        Part(data[9:]),
    ]


PICTURES: Mapping[str, Callable[[], Sequence[Part]]] = {"jpg": jpeg, "png": png, "webp": webp, "bpg": bpg_picture}
EXTENSIONS = ("jpg", "png", "tif", "webp", "bpg")


def case(extension: str, parts: Sequence[Part], random: Random) -> bytes:
    """A file of which one to four parts beside the pixels are damaged; their lengths and checksums are mostly right."""
    if extension == "tif":
        return tiff(random)
    beside = [index for index, part in enumerate(parts) if part.wrap]
    damaged = random.sample(beside, min(len(beside), random.choice((1, 1, 2, 4))))
    pieces: list[bytes] = []
    for index, (content, wrap) in enumerate(parts):
        content = mutate(content, random) if index in damaged else content
        pieces.append(wrap(content) if wrap else content)
    if extension == "bpg":
        facts = b"".join(pieces[1:-1])
        return pieces[0] + variable_length(len(facts)) + facts + pieces[-1]
    if random.random() < 0.2:
        piece = bytearray(pieces[damaged[0]])
        put(piece, random.randrange(min(12, len(piece))), random.choice((1, 2, 4)), random)
        pieces[damaged[0]] = bytes(piece)
    data = b"".join(pieces)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:] if extension == "webp" else data


def pixels(extension: str) -> np.ndarray:
    """Those of all cases, (H, W, 3) uint8, as they lie in the file."""
    if extension == "jpg":
        return np.asarray(Image.open(io.BytesIO(saved("JPEG", quality=90))))
    return bpg.decode(bpg.encode(photograph(*SIZE), 20)) if extension == "bpg" else photograph(*SIZE)
