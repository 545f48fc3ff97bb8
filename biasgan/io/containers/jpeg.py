import io
import re
import struct
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from biasgan.io.containers.metadata import EXIF_HEAD, Metadata, resolution_of
from biasgan.system.console import no_warnings

START, END = b"\xff\xd8", b"\xff\xd9"
APPLICATION, ADOBE, COMMENT, SCAN = range(0xE0, 0xF0), 0xEE, 0xFE, 0xDA
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
PROFILE_HEAD = b"ICC_PROFILE\0"
COLOURS = {0xE0: ("JFIF", b"JFIF\0", 14), ADOBE: ("Adobe", b"Adobe", 12)}
"""Segments that tell the colours: what people call them, how they begin, and the bytes that they have at least."""


class Segment(NamedTuple):
    """A part of a file's head, from its marker to the next; its content begins four bytes later."""

    marker: int
    start: int
    end: int


def split(data: bytes) -> tuple[bytes, Metadata]:
    """A JPEG file of the same pixels alone, and what else was in it.

    Kept are JFIF's segment and Adobe's, which tell the colours. If only the end marker is missing, it is added.
    """
    segments, remarks = head(data, 2), list[str]()
    if segments is None:
        segments = largest_head(data)
        remarks.append("its head is damaged")
    if segments is None:
        return data, Metadata()
    contents = [(segment.marker, data[segment.start + 4 : segment.end]) for segment in segments]
    if remarks:
        contents += lost_exif(data[: segments[0].start])
    kept: list[bytes] = []
    for segment, (marker, content) in zip(segments, contents, strict=False):
        name, begin, least = COLOURS.get(marker, ("", b"", 0))
        if marker == COMMENT or (marker in APPLICATION and not (name and content.startswith(begin))):
            continue
        if len(content) < least:
            remarks.append(f"its {name} segment is too short and was left out")
        else:
            kept.append(data[segment.start : segment.end])
    scans = data[segments[-1].end :]
    alone = START + b"".join(kept) + scans
    if END not in scans and is_whole(alone):
        alone = ended(alone)
        remarks.append("its end marker is missing, and no pixel")
    return alone, metadata(contents, remarks)


def head(data: bytes, start: int) -> list[Segment] | None:
    """The segments from a place up to the first scan, None if they do not lead there."""
    found: list[Segment] = []
    while start + 4 <= len(data) and data[start] == 0xFF:
        if data[start + 1] == 0xFF:  # fills
            start += 1
            continue
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        if data[start + 1] < 0xC0 or data[start + 1] in range(0xD0, 0xDA) or not start + 4 <= end <= len(data):
            return None
        found.append(Segment(data[start + 1], start, end))
        if data[start + 1] == SCAN:
            return found if any(segment.marker in FRAMES for segment in found) else None
        start = end
    return None


def largest_head(data: bytes) -> list[Segment] | None:
    """The head of the largest picture in a file: a smaller one is a preview."""
    places = (match.start() for match in re.finditer(rb"\xff[\xdb\xc4\xc0-\xc2\xdd\xe0\xee]", data))
    heads = [found for place in places if (found := head(data, place))]
    return max(heads, key=lambda segments: pixels(data, segments), default=None)


def lost_exif(before: bytes) -> list[tuple[int, bytes]]:
    """Marker and content of the EXIF before the head that was found, if there is any."""
    start = before.find(EXIF_HEAD)
    return [(0xE1, before[start:])] if start >= 0 else []


def pixels(data: bytes, segments: list[Segment]) -> int:
    """Number of pixels that the frame of a head has."""
    frame = next(segment for segment in segments if segment.marker in FRAMES)
    sides = data[frame.start + 5 : frame.start + 9]
    return int.from_bytes(sides[:2]) * int.from_bytes(sides[2:])


def metadata(contents: list[tuple[int, bytes]], remarks: list[str]) -> Metadata:
    """What the segments say beside the pixels."""
    exif = [content for marker, content in contents if marker == 0xE1 and content.startswith(b"Exif\0")]
    xmp = [content for marker, content in contents if marker == 0xE1 and content.startswith(XMP_HEAD)]
    profile = [content for marker, content in contents if marker == 0xE2 and content.startswith(PROFILE_HEAD)]
    jfif = [content for marker, content in contents if marker == 0xE0 and content.startswith(b"JFIF\0")]
    number = len(PROFILE_HEAD)
    profile.sort(key=lambda content: content[number : number + 1])
    return Metadata(
        # More than a segment holds goes on in the next.
        exif[0] + b"".join(more.removeprefix(EXIF_HEAD) for more in exif[1:]) if exif else None,
        xmp[0].removeprefix(XMP_HEAD) if xmp else None,
        b"".join(content[number + 2 :] for content in profile) or None,
        next(filter(None, map(density, jfif)), None) or resolution_of(exif[0] if exif else None),
        remarks=tuple(remarks),
    )


def density(jfif: bytes) -> tuple[float, float] | None:
    """Pixels an inch, if JFIF's segment says them."""
    if len(jfif) < 12 or jfif[7] not in (1, 2):
        return None
    across, down = struct.unpack(">2H", jfif[8:12])
    factor = 1 if jfif[7] == 1 else 2.54
    return across * factor, down * factor


def ended(data: bytes, more: bytes = b"") -> bytes:
    """A file with its end marker, and something before it."""
    return data.rstrip(b"\xff") + more + END


def is_whole(data: bytes) -> bool:
    """Whether a file without end marker has all of its pixels: then what is written behind them changes none.

    Behind them, a decoder that still waits for pixels finds noise, or the restart marker that it waits for and noise.
    """
    if not has_all_scans(data):
        return False
    random = Random(0)
    noises = (random.randbytes(96).replace(b"\xff", b"\x5a") for _ in range(8))
    noise = b"".join(bytes((0xFF, 0xD0 + number)) + part for number, part in enumerate(noises))
    try:
        one, other = (np.asarray(decoded(ended(data, more))) for more in (b"", noise[2:] + noise))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False
    return np.array_equal(one, other)


def decoded(data: bytes) -> Image.Image:
    """The picture of a file."""
    with no_warnings(Image.DecompressionBombWarning):
        picture = Image.open(io.BytesIO(data), formats=["JPEG"])
    picture.load()
    return picture


def has_all_scans(data: bytes) -> bool:
    """Whether the scans of a file give every bit of every coefficient of every component."""
    missing: dict[int, set[int]] = {}
    for segment in head(data, 2) or []:
        if segment.marker in FRAMES:
            content = data[segment.start + 4 : segment.end]
            missing = {component: set(range(64)) for component in content[6::3]}
    for scan in re.finditer(rb"\xff\xda", data):
        length = int.from_bytes(data[scan.end() : scan.end() + 2])
        content = data[scan.end() + 2 : scan.end() + length]
        if len(content) >= 4 and content[-1] & 15 == 0:
            for component in content[1:-3:2]:
                missing.get(component, set()).difference_update(range(content[-3], content[-2] + 1))
    return bool(missing) and not any(missing.values())
