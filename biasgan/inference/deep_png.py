"""PNG of 16 bits in several channels."""

import io
import struct
import zlib

import numpy as np
from PIL.PngImagePlugin import putchunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Channels → what PNG calls them."""
PAETH = 4
ROWS = 64
"""That are filtered at once, so that large images take little more memory than their pixels."""


def encode(
    pixels: np.ndarray,
    profile: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Encode pixels of 16 bits as PNG, which Pillow does of a single channel only.

    Args:
        pixels: (H, W, C) uint16 of 1 (grey), 2 (and alpha), 3 (RGB) or 4 channels (and alpha).
        profile: Colour profile.
        exif: With or without the "Exif" in front that JPEG has.
        dpi: Pixels an inch, horizontal and vertical.

    Source: PNG specification, third edition (W3C 2025).
    """
    height, width, channels = pixels.shape
    file = io.BytesIO(SIGNATURE)
    file.seek(0, io.SEEK_END)
    putchunk(file, b"IHDR", struct.pack(">2I5B", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0))
    if profile:
        putchunk(file, b"iCCP", b"ICC Profile\0\0", zlib.compress(profile))
    if dpi:
        putchunk(file, b"pHYs", struct.pack(">2IB", *(round(number / 0.0254) for number in dpi), 1))
    if exif:
        putchunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    compressor = zlib.compressobj()
    above = np.zeros((1, width * 2 * channels), np.uint8)
    for top in range(0, height, ROWS):
        rows = pixels[top : top + ROWS].astype(">u2").reshape(-1, width * channels).view(np.uint8)
        putchunk(file, b"IDAT", compressor.compress(filtered(rows, above, 2 * channels)))
        above = rows[-1:]
    putchunk(file, b"IDAT", compressor.flush())
    putchunk(file, b"IEND")
    return file.getvalue()


def filtered(rows: np.ndarray, above: np.ndarray, pixel: int) -> bytes:
    """Rows of bytes with Paeth's prediction taken off, each with the filter's number in front.

    Args:
        rows: (R, B) uint8.
        above: The row above them, (1, B) uint8.
        pixel: Bytes of a pixel.
    """
    padded = np.pad(np.concatenate([above, rows]), ((0, 0), (pixel, 0))).astype(np.int16)
    left, up, corner = padded[1:, :-pixel], padded[:-1, pixel:], padded[:-1, :-pixel]
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    nearest = np.where(to_up <= to_corner, up, corner)
    nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
    return np.pad(rows - nearest.astype(np.uint8), ((0, 0), (1, 0)), constant_values=PAETH).tobytes()
