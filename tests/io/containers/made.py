"""Files as others write them, by hand."""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from PIL import Image

Order = Literal["<", ">"]


def picture(height: int = 24, width: int = 37) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=kind, **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments: bytes, pixels: np.ndarray | None = None, **options: object) -> bytes:
    data = saved(picture() if pixels is None else pixels, "JPEG", **options)
    return data[:2] + b"".join(segments) + data[2:]


def chunk(name: bytes, content: bytes, whole: bool = True) -> bytes:
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content) ^ (not whole))
    )


def png(*chunks: bytes) -> bytes:
    data = saved(picture(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def tags(order: Order, orientation: int, entries: int = 1, rest: bytes = b"") -> bytes:
    """Tags of EXIF with nothing but an orientation, and with how many entries they say that they have."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IHHHIHHI", 8, entries, 0x112, 3, 1, orientation, 0, 0) + rest


def packed(samples: np.ndarray, bits: int, order: Order = ">") -> bytes:
    """(H, N) whole numbers, each in so many bits, the highest first; a row begins with a byte."""
    if bits == 16:
        return samples.astype(f"{order}u2").tobytes()
    digits = samples[..., np.newaxis] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(digits.astype(np.uint8).reshape(len(samples), -1), axis=1).tobytes()


def tiff(
    strips: Sequence[bytes], size: tuple[int, int], numbers: Mapping[int, Sequence[int]], order: Order = "<"
) -> bytes:
    """A file of strips, or of tiles if it has the tag of their width.

    Args:
        strips: As they are stored.
        size: Height and width.
        numbers: Tags whose values are whole numbers; those of a fraction have both of its numbers.
        order: Of the bytes.
    """
    content, places = bytes(8), list[int]()
    for strip in strips:
        places.append(len(content))
        content += strip + bytes(len(strip) % 2)
    where, lengths = (324, 325) if 322 in numbers else (273, 279)
    found = {256: [size[1]], 257: [size[0]], where: places, lengths: [len(strip) for strip in strips], **numbers}
    table = b""
    for tag in sorted(found):
        values = struct.pack(f"{order}{len(found[tag])}I", *found[tag])
        fraction = tag in (282, 283)
        place = values if len(values) == 4 else struct.pack(f"{order}I", len(content))
        content += values if len(values) > 4 else b""
        table += struct.pack(f"{order}HHI", tag, 5 if fraction else 4, 1 if fraction else len(found[tag])) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", len(content))
    return head + content[8:] + struct.pack(f"{order}H", len(found)) + table + bytes(4)
