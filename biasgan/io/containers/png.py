import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from biasgan.io.containers.metadata import Metadata, unpacked

SIGNATURE = b"\x89PNG\r\n\x1a\n"
METRES = 1
INCH = 0.0254
SRGB = 45455
"""The gamma of sRGB, as PNG has it."""
PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""x and y of white, red, green and blue of sRGB, as PNG has them."""
CODES = bytes((1, 13, 0, 1))
"""sRGB as the video standards number it."""
NAMED = {b"XML:com.adobe.xmp": "xmp", b"Raw profile type xmp": "xmp"} | dict.fromkeys(
    (b"Raw profile type exif", b"Raw profile type APP1"), "exif"
)
"""Texts that are no mere texts."""


class Chunk(NamedTuple):
    """A part of a file: its four letters, where it stands, and its content."""

    name: bytes
    start: int
    end: int
    content: bytes
    whole: bool
    """Whether its checksum is right."""


def split(data: bytes) -> tuple[bytes, Metadata]:
    """A PNG file of the same pixels alone, and what else was in it."""
    kept, facts, remarks = [SIGNATURE], dict[str, bytes](), list[str]()
    dpi, animated, colours, kind, entries = None, False, dict[bytes, bytes](), data[25:26], 256
    for chunk in chunks(data):
        entries = len(chunk.content) // 3 if chunk.name == b"PLTE" else entries
        # A small first letter means that the pixels are to be had without it.
        if not chunk.name[0] & 0x20 or (chunk.name == b"tRNS" and chunk.whole and fits(chunk, kind, entries)):
            kept.append(data[chunk.start : chunk.end])
        elif chunk.name == b"tRNS":
            remarks.append("its transparency is damaged and was left out")
        elif chunk.name == b"acTL":
            animated = int.from_bytes(chunk.content[:4]) > 1
        elif chunk.name == b"pHYs" and chunk.content[8:] == bytes((METRES,)):
            across, down = struct.unpack(">2I", chunk.content[:8])
            dpi = across * INCH, down * INCH
        else:
            facts = fact(chunk) | facts
            colours[chunk.name] = chunk.content
    return b"".join(kept), Metadata(
        facts.get("exif"), facts.get("xmp"), facts.get("profile"), dpi, animated, (*remarks, *left_out(colours))
    )


def fits(chunk: Chunk, kind: bytes, entries: int) -> bool:
    """Whether transparency is as long as it should be.

    Args:
        chunk: That it is in.
        kind: Of the pixels, as the file's head numbers it.
        entries: Of the palette.
    """
    lengths = {b"\0": range(2, 3), b"\2": range(6, 7), b"\3": range(1, entries + 1)}.get(kind)
    return lengths is None or len(chunk.content) in lengths


def left_out(colours: Mapping[bytes, bytes]) -> list[str]:
    """Remarks on what chunks, by their names, say of the colours and no `Metadata` holds."""
    codes, gamma, points = (colours.get(name, b"") for name in (b"cICP", b"gAMA", b"cHRM"))
    remarks = list[str]()
    if len(codes) == 4 and codes != CODES:
        remarks.append(f"its colour space, cICP {'-'.join(map(str, codes))}, was left out")
    if colours.keys() & {b"iCCP", b"sRGB", b"cICP"}:
        return remarks
    curve = int.from_bytes(gamma[:4])
    if b"gAMA" in colours and abs(curve - SRGB) > 2000:
        remarks.append(f"its brightness curve, a gamma of {curve / 100000:g}, was left out")
    if len(points) == 32 and any(
        abs(one - other) > 500 for one, other in zip(struct.unpack(">8I", points), PRIMARIES, strict=True)
    ):
        remarks.append("its primary colours, which are not those of sRGB, were left out")
    return remarks


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a file; behind one whose length is damaged it goes on with the next that pixels need."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        (length,), name = struct.unpack_from(">I", data, place), data[place + 4 : place + 8]
        end = place + 12 + length
        named = re.fullmatch(rb"[A-Za-z]{4}", name)
        if not named or (end > len(data) and name[0] & 0x20):
            following = re.compile(rb"PLTE|tRNS|IDAT").search(data, place + (5 if named else 1))
            if not following:
                return
            place = following.start() - 4
            continue
        content = data[place + 8 : end - 4]
        # Of the pixels' own, the reader asks.
        whole = not name[0] & 0x20 or data[end - 4 : end] == struct.pack(">I", zlib.crc32(name + content))
        if not whole and name != b"tRNS" and (inside := swallowed(data, place + 8, end)):
            place = inside
            continue
        yield Chunk(name, place, end, content, whole)
        place = end


def swallowed(data: bytes, start: int, end: int) -> int | None:
    """Where a whole chunk of pixels begins within a chunk whose length is damaged."""
    for match in re.compile(rb"IDAT|PLTE").finditer(data, start, end):
        (length,) = struct.unpack_from(">I", data, match.start() - 4)
        content = data[match.start() : match.end() + length]
        if data[match.end() + length :][:4] == struct.pack(">I", zlib.crc32(content)):
            return match.start() - 4
    return None


def fact(chunk: Chunk) -> dict[str, bytes]:
    """What a chunk says of the picture, by its name in `Metadata`."""
    if chunk.name == b"eXIf":
        return {"exif": chunk.content}
    name, _, rest = chunk.content.partition(b"\0")
    if chunk.name == b"iCCP":
        # What cannot be unpacked is no profile, of which people are told.
        return {"profile": unpacked(rest[1:]) or b"damaged"}
    if name not in NAMED or chunk.name not in (b"tEXt", b"zTXt", b"iTXt"):
        return {}
    text = text_of(chunk.name, rest)
    return {NAMED[name]: hexadecimal(text) if name.startswith(b"Raw") else text}


def text_of(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk, from what stands behind its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return unpacked(rest[1:]) or b""
    *_, text = rest[2:].split(b"\0", 2)
    return (unpacked(text) or b"") if rest[:1] == b"\1" else text


def hexadecimal(text: bytes) -> bytes:
    """The content of a "raw profile": its kind, its length and hexadecimal digits, on lines of their own."""
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b"damaged"
