import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from biasgan.io.containers.directory import Directory, read_directory
from biasgan.io.containers.limit import check_pixels
from biasgan.io.containers.metadata import IFDS, Metadata, orientation_of, resolution, unread_orientation
from biasgan.system.console import no_warnings

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
SAMPLES, PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH, EXTRA, FORMAT = 277, 284, 317, 320, 322, 338, 339
XMP, PROFILE = 700, 34675
RASTER = (
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, 273, SAMPLES, 278, 279, PLANAR, 292, 293, PREDICTOR),
    *(COLOUR_MAP, TILE_WIDTH, 323, 324, 325, 332, EXTRA, FORMAT, 347, *range(512, 522), *range(529, 533), 50674),
)
"""Tags without which the pixels could not be read."""
PHOTOGRAPH = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
    *(ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright),
)
"""Tags about the photograph; the others are about the file."""
BYTEWISE = (1, 5, 8, 32773, 32946, 34925, 50000)
"""Compressions of bytes, whatever they mean: none, LZW, deflate, PackBits, LZMA, Zstandard."""
ALONE, DIFFERENCES = 1, 2
"""Predictors: each sample as it is, or less the one on its left in its strip or tile."""
UNSIGNED, SIGNED, FLOATING, UNDEFINED = 1, 2, 3, 4
"""Formats of samples."""
MIN_IS_WHITE, GREY, RGB = 0, 1, 2
PREMULTIPLIED, STRAIGHT, UNSPECIFIED = 1, 2, 999
"""What a further channel is; some write 999 for alpha."""
MOST_CHANNELS = 6
"""Pillow's limit."""
ROWS = 64
"""That are taken apart at once, so that large pictures take little more memory than their pixels."""


def split(data: bytes) -> tuple[bytes, Metadata]:
    """A TIFF file of the same pixels alone, and what else was in it."""
    tags = read_directory(data)
    if tags is None or not tags.entries:
        return data, Metadata()
    exif, remarks = exif_of(tags)
    plain = set(tags.numbers(FORMAT)) <= {UNSIGNED, UNDEFINED}
    return rewritten(tags, {FORMAT: None} if plain else {}), Metadata(
        exif,
        tags.content(XMP) or None,
        tags.content(PROFILE) or None,
        resolution(tags),
        animated=0 < tags.following < len(data),
        remarks=remarks,
    )


def rewritten(tags: Directory, changes: Mapping[int, int | None]) -> bytes:
    """The file with another directory, of the tags of the pixels alone.

    Args:
        tags: As it has them.
        changes: Numbers to set, or None for tags to leave out.
    """
    count, number, size = ("Q", "Q", 8) if tags.big else ("H", "I", 4)
    entries = {
        tag: tags.data[entry.place : entry.place + tags.width]
        for tag, entry in tags.entries.items()
        if tag in RASTER and tag not in changes
    }
    for tag, value in changes.items():
        if value is not None:
            entries[tag] = struct.pack(f"{tags.order}HH{number}{number}", tag, 16 if tags.big else 4, 1, value)
    table = b"".join(entries[tag] for tag in sorted(entries))
    directory = struct.pack(tags.order + count, len(entries)) + table + bytes(size)
    start = len(tags.data) + len(tags.data) % 2
    head = tags.data[:size] + struct.pack(tags.order + number, start)
    return b"".join((head, memoryview(tags.data)[len(head) :], bytes(start - len(tags.data)), directory))


def exif_of(tags: Directory) -> tuple[bytes | None, tuple[str, ...]]:
    """What the tags say about the photograph, and a remark if some of it is of no use."""
    given, orientation = Image.Exif(), orientation_of(tags)
    given.endian, given.bigtiff = tags.order, tags.big
    with no_warnings():
        try:
            cast(Any, given).load_from_fp(io.BytesIO(tags.data), tags.start)
            exif, damaged = of_photograph(given)
        except MemoryError:
            raise
        except Exception:
            # On damaged tags Pillow raises nearly anything.
            exif, damaged = Image.Exif(), True
        if orientation:
            exif[ExifTags.Base.Orientation] = orientation
        content = exif.tobytes() if exif or any(map(exif.get_ifd, IFDS)) else None
    return content, ("some of its EXIF cannot be used and was left out",) * damaged + unread_orientation(tags)


def of_photograph(given: Image.Exif) -> tuple[Image.Exif, bool]:
    """Those of a TIFF file's tags that are about the photograph, and whether some of them are damaged."""
    exif, damaged = Image.Exif(), False
    for tag in (*PHOTOGRAPH, *IFDS):
        one = Image.Exif()
        try:
            if tag in given:
                if tag in IFDS:
                    one.get_ifd(tag).update(given.get_ifd(tag))
                else:
                    one[tag] = given[tag]
            one.tobytes()
        except MemoryError:
            raise
        except Exception:
            # On damaged tags Pillow raises nearly anything.
            damaged = True
            continue
        exif.update(one)
        if tag in IFDS and one.get_ifd(tag):
            exif.get_ifd(tag).update(one.get_ifd(tag))
    return exif, damaged


def exif_of_photograph(exif: bytes) -> bytes:
    """EXIF without the tags that are about the file that it was in."""
    tags = Image.Exif()
    with no_warnings():
        tags.load(exif)
        return of_photograph(tags)[0].tobytes()


@dataclass(frozen=True)
class Layout:
    """How the samples of grey or RGB pixels lie in a file.

    Attributes:
        width: In pixels.
        bits: Of a sample.
        channels: Of a pixel.
        inverted: Whether 0 is white.
        grey: Whether it has no colours.
        alpha: What the channel after the colours is, if it is alpha.
    """

    width: int
    bits: int
    channels: int
    inverted: bool
    grey: bool
    alpha: int | None

    @property
    def colours(self) -> int:
        """Channels before alpha."""
        return 1 if self.grey else 3


class Bytes(TiffImageFile):
    """A grey picture of bytes of which several are a pixel, so that Pillow's limit of pixels is not one of them."""

    def load_prepare(self) -> None:
        """Make room for them without asking how many pixels there are."""
        ImageFile.load_prepare(self)


def levels_of(alone: bytes) -> np.ndarray | None:
    """Pixels of a depth of which Pillow knows nothing, or only the upper byte.

    Args:
        alone: What `split` gives.

    Returns:
        (H, W, C) of 1 (grey), 2 (and alpha), 3 (RGB) or 4 channels (and alpha), uint16 of more than 8 bits, else uint8,
        in the full range; None for files that Pillow reads.

    Raises:
        ValueError: If they lie so that they cannot be read.
    """
    tags = read_directory(alone)
    layout = layout_of(tags) if tags else None
    if tags is None or layout is None:
        return None
    check_pixels(layout.width, (tags.numbers(HEIGHT) or (1,))[0])
    compression, predictor = ((tags.numbers(tag) or (1,))[0] for tag in (COMPRESSION, PREDICTOR))
    predicted = predictor != ALONE and compression != 1
    separate = layout.channels > 1 and tags.numbers(PLANAR)[:1] == (2,)
    unknown = predicted and (predictor != DIFFERENCES or layout.bits != 16)
    tile = (tags.numbers(TILE_WIDTH) or (layout.width,))[0]
    torn = TILE_WIDTH in tags.entries and tile * layout.bits * layout.channels % 8
    if separate or unknown or torn or compression not in BYTEWISE:
        raise ValueError(f"its {layout.bits} bits lie in a way that cannot be read; save it as it would be by default")
    samples = unpack(rows_of(tags, layout), layout, tags.order)
    if predicted:
        for left in range(0, layout.width, tile):
            part = samples[:, left : left + tile]
            np.cumsum(part, axis=1, dtype=np.uint16, out=part)
    return scaled(samples, layout)


def rows_of(tags: Directory, layout: Layout) -> np.ndarray:
    """The bytes of a file's rows, (H, B) uint8: a grey picture, of which Pillow takes any compression of bytes off."""
    packed, tile = layout.bits * layout.channels, tags.numbers(TILE_WIDTH)
    changes: dict[int, int | None] = {WIDTH: -(-layout.width * packed // 8), BITS: 8, PHOTOMETRIC: GREY, SAMPLES: 1}
    changes |= dict.fromkeys((PLANAR, PREDICTOR, COLOUR_MAP, EXTRA, FORMAT))
    if tile:
        # A multiple of 16, so that a row of a tile is whole bytes.
        changes[TILE_WIDTH] = tile[0] * packed // 8
    with Bytes(io.BytesIO(rewritten(tags, changes))) as picture:
        return np.asarray(picture)


def layout_of(tags: Directory) -> Layout | None:
    """The layout of a file, None if Pillow reads it, or it is neither grey nor RGB of whole numbers.

    Raises:
        ValueError: If its numbers have signs or fractions.
    """
    (photometric, *_), (width, *_) = (tags.numbers(tag) or (-1,) for tag in (PHOTOMETRIC, WIDTH))
    bits, formats, extra = (tags.numbers(tag) for tag in (BITS, FORMAT, EXTRA))
    channels = (tags.numbers(SAMPLES) or (1,))[0]
    depth = bits[0] if bits else 1
    if photometric in (MIN_IS_WHITE, GREY, RGB) and formats[:1] == (FLOATING,):
        raise ValueError("it holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if photometric in (MIN_IS_WHITE, GREY, RGB) and formats[:1] == (SIGNED,) and depth <= 16:
        raise ValueError("it holds signed numbers, whose black and white are unknown; save it with 8 or 16 bits")
    known = depth == 8 or (channels == 1 and depth in (1, 2, 4))
    if photometric not in (MIN_IS_WHITE, GREY, RGB) or known or not 0 < depth <= 16 or set(bits) != {depth}:
        return None
    grey = photometric != RGB
    further = channels - (1 if grey else 3)
    if set(formats) - {UNSIGNED} or further < 0 or channels > MOST_CHANNELS:
        return None
    if further and not extra:
        # Four channels of which nothing is said are RGB and alpha.
        extra = (STRAIGHT,) if channels == 4 else (0,)
    alpha = extra[0] if further and extra[0] in (PREMULTIPLIED, STRAIGHT, UNSPECIFIED) else None
    return Layout(width, depth, channels, photometric == MIN_IS_WHITE, grey, alpha)


def unpack(rows: np.ndarray, layout: Layout, order: str) -> np.ndarray:
    """Rows of bytes, (H, ≥ B) uint8 → samples, (H, W, C) uint16."""
    shape, number = (len(rows), layout.width, layout.channels), layout.width * layout.channels
    if layout.bits == 16:
        return rows[:, : 2 * number].copy().view(f"{order}u2").astype(np.uint16).reshape(shape)
    samples = np.empty((len(rows), number), np.uint16)
    for top in range(0, len(rows), ROWS):
        bits = np.unpackbits(rows[top : top + ROWS], axis=1, count=number * layout.bits)
        padded = np.zeros((len(bits), number, 16), np.uint8)
        padded[..., -layout.bits :] = bits.reshape(-1, number, layout.bits)
        samples[top : top + ROWS] = np.packbits(padded.reshape(len(bits), -1), axis=1).view(">u2")
    return samples.reshape(shape)


def scaled(samples: np.ndarray, layout: Layout) -> np.ndarray:
    """Samples in the full range of 16 or 8 bits, 0 as black, without further channels but alpha."""
    colour = samples[..., : layout.colours]
    highest, most = (1 << layout.bits) - 1, 65535 if layout.bits > 8 else 255
    if layout.inverted:
        colour = highest - colour
    if layout.alpha is not None:
        alpha = samples[..., layout.colours : layout.colours + 1]
        if layout.alpha == PREMULTIPLIED:
            whole = colour.astype(np.uint64) * highest // np.maximum(alpha, 1)
            colour = np.minimum(whole, highest).astype(np.uint16)
        colour = np.concatenate([colour, alpha], axis=2)
    if highest == most:
        return np.ascontiguousarray(colour, np.uint16)
    return ((colour.astype(np.uint32) * most + highest // 2) // highest).astype(np.uint16 if most > 255 else np.uint8)
