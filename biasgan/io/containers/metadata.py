"""What stands beside the pixels of a picture file."""

import io
import math
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from PIL import ExifTags, Image, ImageCms

from biasgan.io.containers.directory import NUMBERS, SIZES, Directory, read_directory
from biasgan.system.console import no_warnings

EXIF_HEAD = b"Exif\0\0"
IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
ACROSS, DOWN, UNIT = ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit
COLOURS = ("RGB", "GRAY", "CMYK", "CMY", "Lab", "XYZ", "Luv", "YCbr", "Yxy", "HSV", "HLS")
CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Of ICC profiles, those that say what the colours of a picture are."""
UNUSABLE_EXIF = "its EXIF cannot be used and was left out"
MOST = 2**24
"""Bytes of metadata that are unpacked: a few can be made to fill the memory."""
LEAST_DPI, LARGEST_DPI = 0.1, 1e6


@dataclass(frozen=True)
class Metadata:
    """What a picture file says beside its pixels; any of it may be damaged.

    Attributes:
        exif: Tags of the camera, with or without a head of its own.
        xmp: A second form of them.
        profile: ICC profile of the colours.
        dpi: Pixels an inch, horizontal and vertical.
        animated: Whether more pictures follow.
        remarks: What could not be read at all, for people.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    animated: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def orientation(self) -> int:
        """How the picture lies, 1 to 8, as EXIF says, or else XMP; 1 where neither can be read."""
        found = read_directory(tags_of(self.exif)) if self.exif else None
        in_exif = orientation_of(found) if found else None
        if in_exif is None and self.xmp:
            said = re.search(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\b", self.xmp.replace(b"\0", b""))
            in_exif = int(said[1]) if said else None
        return in_exif or 1


def tags_of(exif: bytes) -> bytes:
    """EXIF from the head of its tags on, empty if there is none."""
    start = re.search(rb"II\*\0|MM\0\*", exif[:64])
    return exif[start.start() :] if start else b""


def orientation_of(tags: Directory) -> int | None:
    """What the tags say, if it can be."""
    entry = tags.entries.get(ExifTags.Base.Orientation)
    if entry is None or unread_orientation(tags):
        return None
    # Some write more values than one, or none.
    place = entry.place + tags.width - (8 if tags.big else 4)
    (value,) = struct.unpack_from(tags.order + NUMBERS[entry.kind], tags.data, place)
    return value if value in range(1, 9) else None


def unread_orientation(tags: Directory) -> tuple[str, ...]:
    """A remark if there is an orientation that is no whole number within its entry."""
    entry = tags.entries.get(ExifTags.Base.Orientation)
    if entry is None or (entry.kind in NUMBERS and SIZES[entry.kind] <= (8 if tags.big else 4)):
        return ()
    return ("its orientation cannot be read and was not followed",)


def resolution(tags: Directory) -> tuple[float, float] | None:
    """Pixels an inch, not a number where a tag makes no sense; None if the tags say nothing of them."""
    factor = {2: 1.0, 3: 2.54}.get((tags.numbers(UNIT) or (2,))[0])
    if ACROSS not in tags.entries or DOWN not in tags.entries or factor is None:
        return None
    across, down = (next((float(value) for value in tags.rationals(tag) if value), math.nan) for tag in (ACROSS, DOWN))
    return across * factor, down * factor


def resolution_of(exif: bytes | None) -> tuple[float, float] | None:
    """As `resolution`, of EXIF."""
    tags = read_directory(tags_of(exif)) if exif else None
    return resolution(tags) if tags else None


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror pixels, (H, W, …), so that they are upright.

    Args:
        pixels: As they are in the file.
        orientation: 1, which means as it is, to 8.
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def upright(exif: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """EXIF without the orientation, all else byte by byte as it was; and a remark instead if it is of no use.

    An orientation that cannot be followed stays.
    """
    if not exif:
        return None, ()
    tags = tags_of(exif)
    found = read_directory(tags)
    if found is None or not is_usable(EXIF_HEAD + tags):
        return None, (UNUSABLE_EXIF,)
    entry = found.entries[ExifTags.Base.Orientation] if orientation_of(found) else None
    if not found.entries or (entry and len(found.entries) == 1):
        return None, ()
    if entry:
        # A directory that is shorter by an entry, and the last, since the preview in the next lies as the picture did.
        # What other entries point at stays where it is.
        (number,) = struct.unpack_from(f"{found.order}H", tags, found.start)
        end = found.start + 2 + number * found.width
        rest = tags[entry.place + found.width : end] + bytes(found.width + 4)
        count = struct.pack(f"{found.order}H", number - 1)
        tags = tags[: found.start] + count + tags[found.start + 2 : entry.place] + rest + tags[end + 4 :]
    return EXIF_HEAD + tags, unread_orientation(found)


def is_usable(exif: bytes) -> bool:
    """Whether Pillow can read all of EXIF and write it again, whatever its orientation is."""
    with no_warnings(Warning, "(Possibly c|C)orrupt|Truncated"):
        try:
            tags = Image.Exif()
            tags.load(exif)
            for directory in (tags, *map(tags.get_ifd, IFDS)):
                dict(directory)
            tags.pop(ExifTags.Base.Orientation, None)
            tags.tobytes()
        except MemoryError:
            raise
        except Exception:
            # On damaged tags Pillow raises nearly anything.
            return False
    return True


def is_possible(dpi: object) -> bool:
    """Whether a resolution is two numbers that a print could have."""
    try:
        return len(numbers := [float(number) for number in cast(Any, dpi)]) == 2 and all(
            LEAST_DPI <= number <= LARGEST_DPI for number in numbers
        )
    except (TypeError, ValueError, ArithmeticError):
        return False


def colours_of(profile: bytes) -> str | None:
    """The colours that an ICC profile is for (`RGB`, `GRAY`, `CMYK`, `Lab` …), None if damaged or for no picture."""
    if len(profile) < 132 or int.from_bytes(profile[:4]) > len(profile):
        return None
    try:
        cast(Any, ImageCms).ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return None
    colours = profile[16:20].decode("latin-1").rstrip()
    # Those of Lab are often called an effect.
    if profile[12:16] not in CLASSES and colours != "Lab":
        return None
    return colours if colours in COLOURS or colours.endswith("CLR") else None


def unpacked(data: bytes) -> bytes | None:
    """What zlib packed, None if it is damaged or more than any metadata should be."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data, MOST)
    except zlib.error:
        return None
    return content if unpacker.eof else None
