"""RGB pictures ↔ planes of luma and chroma, bit by bit as libbpg makes them.

The specification leaves the filters of the chroma planes open; these are the ones of libbpg 0.9.8, in its order and
with its rounding. Loops run over rows, so that a row stays in the processor's cache from the first filter to the last.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import numba
import numpy as np

Kernel = TypeVar("Kernel", bound=Callable[..., int | None])
int32 = cast(Callable[[int], int], numba.int32)
"""Numba widens whole numbers to 64 bits; to say that a sum fits in 32 makes its shift to the right twice as fast."""


def compiled(kernel: Kernel) -> Kernel:
    """A kernel that is compiled at its first call on a machine, which takes seconds, and lets other threads run."""
    try:
        return cast(Kernel, numba.njit(nogil=True, cache=True)(kernel))
    except RuntimeError:
        # No folder can be written that it could be kept in.
        return cast(Kernel, numba.njit(nogil=True)(kernel))


RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""Shares in the luma of BT.601."""
FORWARD, BACKWARD = 23, 22
"""Fractional bits of the factors of either conversion."""


def fixed_point(factor: float, bits: int) -> int:
    """A factor as a whole number, rounded."""
    return round(factor * (1 << bits))


Y_RED, Y_GREEN, Y_BLUE = (fixed_point(share, FORWARD) for share in (RED, GREEN, BLUE))
CB_RED, CB_GREEN, CB_BLUE = (
    fixed_point(factor, FORWARD) for factor in (-RED / 2 / (1 - BLUE), -GREEN / 2 / (1 - BLUE), 0.5)
)
CR_RED, CR_GREEN, CR_BLUE = (
    fixed_point(factor, FORWARD) for factor in (0.5, -GREEN / 2 / (1 - RED), -BLUE / 2 / (1 - RED))
)
RED_CR, BLUE_CB = (fixed_point(2 * (1 - share), BACKWARD) for share in (RED, BLUE))
GREEN_CR, GREEN_CB = (fixed_point(2 * (1 - share) * share / GREEN, BACKWARD) for share in (RED, BLUE))
FORWARD_HALF, BACKWARD_HALF = 1 << (FORWARD - 1), 1 << (BACKWARD - 1)
MARGIN = 5
"""Samples by which a row is extended on either side, so that filters need not look for its ends."""


def split(image: np.ndarray, planes: Sequence[np.ndarray], halved: bool) -> None:
    """Fill planes with a picture, and what lies beyond it by repetition.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey for one plane alone.
        planes: Luma, or luma and both chroma planes, uint8, at least as large as the picture.
        halved: Whether chroma has half the width and height of luma, each sample in the middle of four.
    """
    height, width = image.shape[:2]
    if image.ndim == 2:
        planes[0][:height, :width] = image
        extend(planes[0], height, width)
        return
    full = [np.empty((height, width), np.uint8) for _ in planes]
    luma_and_chroma(np.ascontiguousarray(image), *full)
    for number, (plane, samples) in enumerate(zip(planes, full, strict=True)):
        part = halve(samples) if halved and number else samples
        plane[: part.shape[0], : part.shape[1]] = part
        extend(plane, *part.shape)


def halve(samples: np.ndarray) -> np.ndarray:
    """Filter (H, W) uint8 to (⌈H / 2⌉, ⌈W / 2⌉) uint8."""
    height, width = samples.shape
    narrow = np.empty((height, (width + 1) // 2), np.int16)
    halve_width(samples, narrow)
    low = np.empty(((height + 1) // 2, narrow.shape[1]), np.uint8)
    halve_height(narrow, low)
    return low


def extend(plane: np.ndarray, height: int, width: int) -> None:
    """Repeat the last column and row of the filled part of a plane up to its ends."""
    plane[:height, width:] = plane[:height, width - 1 : width]
    plane[height:] = plane[height - 1]


def join(planes: Sequence[np.ndarray], height: int, width: int, half_height: bool, half_width: bool) -> np.ndarray:
    """The picture in some planes.

    Args:
        planes: Luma, or luma and both chroma planes, uint8; what lies beyond the picture is ignored.
        height: Of the picture.
        width: Of the picture.
        half_height: Whether chroma has half the height of luma; then it has half the width too.
        half_width: Whether chroma has half the width of luma.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image = np.empty((height, width, 3), np.uint8)
    if len(planes) == 1:
        image[:] = planes[0][:height, :width, np.newaxis]
    else:
        luma, cb, cr = planes
        picture(luma, cb, cr, half_height, half_width, image)
    return image


@compiled
def luma_and_chroma(image: np.ndarray, luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> None:
    """Convert (H, W, 3) RGB to planes of (H, W); only chroma of pure blue and red would be beyond 8 bits, by one."""
    height, width = luma.shape
    for y in range(height):
        for x in range(width):
            red, green, blue = image[y, x, 0], image[y, x, 1], image[y, x, 2]
            luma[y, x] = (Y_RED * red + Y_GREEN * green + Y_BLUE * blue + FORWARD_HALF) >> FORWARD
            b = (CB_RED * red + CB_GREEN * green + CB_BLUE * blue + FORWARD_HALF) >> FORWARD
            r = (CR_RED * red + CR_GREEN * green + CR_BLUE * blue + FORWARD_HALF) >> FORWARD
            cb[y, x] = min(b + 128, 255)
            cr[y, x] = min(r + 128, 255)


@compiled
def halve_width(wide: np.ndarray, narrow: np.ndarray) -> None:
    """Filter (H, W) uint8 to (H, ⌈W / 2⌉) int16, with six fractional bits."""
    height, width = wide.shape
    row = np.empty(width + 2 * MARGIN, np.int32)
    for y in range(height):
        row[:MARGIN] = wide[y, 0]
        row[MARGIN + width :] = wide[y, width - 1]
        for x in range(width):
            row[MARGIN + x] = wide[y, x]
        for x in range(narrow.shape[1]):
            at = MARGIN + 2 * x
            total = 57 * (row[at] + row[at + 1]) + 17 * (row[at - 1] + row[at + 2])
            total += 2 * (row[at - 4] + row[at + 5])
            total -= 8 * (row[at - 2] + row[at + 3]) + 4 * (row[at - 3] + row[at + 4])
            narrow[y, x] = (total + 1) >> 1


@compiled
def halve_height(narrow: np.ndarray, low: np.ndarray) -> None:
    """Filter (H, W) int16 with six fractional bits to (⌈H / 2⌉, W) uint8."""
    last = narrow.shape[0] - 1
    for y in range(low.shape[0]):
        up, down = 2 * y, 2 * y + 1
        a, b = up, clamp(down, last)
        c, d = clamp(up - 1, last), clamp(down + 1, last)
        e, f = clamp(up - 2, last), clamp(down + 2, last)
        g, h = clamp(up - 3, last), clamp(down + 3, last)
        i, j = clamp(up - 4, last), clamp(down + 4, last)
        for x in range(low.shape[1]):
            total = 57 * (narrow[a, x] + narrow[b, x]) + 17 * (narrow[c, x] + narrow[d, x])
            total += 2 * (narrow[i, x] + narrow[j, x])
            total -= 8 * (narrow[e, x] + narrow[f, x]) + 4 * (narrow[g, x] + narrow[h, x])
            low[y, x] = min(max((total + 4096) >> 13, 0), 255)


@compiled
def picture(
    luma: np.ndarray, cb: np.ndarray, cr: np.ndarray, half_height: bool, half_width: bool, image: np.ndarray
) -> None:
    """Bring chroma to the size of luma and convert to (H, W, 3) RGB, row by row."""
    height, width = image.shape[:2]
    columns = (width + 1) // 2 if half_width else width
    rows = (height + 1) // 2 if half_height else height
    filtered = np.empty(columns + 2 * MARGIN, np.int32)
    chroma = np.empty((2, 2 * columns), np.int32)
    rgb = np.empty((3, width), np.uint8)
    for y in range(height):
        for number in range(2):
            plane = cb if number == 0 else cr
            if half_height:
                double_height(plane, y, rows, columns, filtered)
                double_width(filtered, columns, 12, chroma[number])
            elif half_width:
                for x in range(columns):
                    filtered[MARGIN + x] = plane[y, x]
                double_width(filtered, columns, 6, chroma[number])
            else:
                for x in range(columns):
                    chroma[number, x] = plane[y, x]
        colours(luma[y], chroma[0], chroma[1], rgb)
        # Planes first, since a processor's vector units do not write every third byte.
        for x in range(width):
            image[y, x, 0] = rgb[0, x]
            image[y, x, 1] = rgb[1, x]
            image[y, x, 2] = rgb[2, x]


@compiled
def double_height(plane: np.ndarray, y: int, rows: int, columns: int, filtered: np.ndarray) -> None:
    """One row between the rows of a plane, with six fractional bits, into a row with margins."""
    row, last, side = y // 2, rows - 1, 2 * (y % 2) - 1
    a, b, c = clamp(row - 3 * side, last), clamp(row - 2 * side, last), clamp(row - side, last)
    e, f, g = clamp(row + side, last), clamp(row + 2 * side, last), clamp(row + 3 * side, last)
    for x in range(columns):
        total = 57 * plane[row, x] + 18 * plane[e, x] + 4 * plane[b, x] + 2 * plane[g, x]
        filtered[MARGIN + x] = total - 10 * plane[c, x] - 6 * plane[f, x] - plane[a, x]


@compiled
def clamp(row: int, last: int) -> int:
    """The row of this number, or the nearest."""
    return min(max(row, 0), last)


@compiled
def double_width(filtered: np.ndarray, columns: int, bits: int, chroma: np.ndarray) -> None:
    """Two samples for each of a row with margins and some fractional bits, rounded and clipped to 8 bits."""
    filtered[:MARGIN] = filtered[MARGIN]
    filtered[MARGIN + columns :] = filtered[MARGIN + columns - 1]
    for x in range(columns):
        a, b, c = filtered[MARGIN + x - 3], filtered[MARGIN + x - 2], filtered[MARGIN + x - 1]
        e, f, g = filtered[MARGIN + x + 1], filtered[MARGIN + x + 2], filtered[MARGIN + x + 3]
        middle = 57 * filtered[MARGIN + x] + (1 << (bits - 1))
        left = int32(middle + 18 * c - 10 * e - 6 * b + 4 * f + 2 * a - g) >> bits
        right = int32(middle + 18 * e - 10 * c - 6 * f + 4 * b + 2 * g - a) >> bits
        chroma[2 * x] = min(max(left, 0), 255)
        chroma[2 * x + 1] = min(max(right, 0), 255)


@compiled
def colours(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray, rgb: np.ndarray) -> None:
    """Convert one row, (≥ W) of luma and of chroma, to (3, W) RGB."""
    for x in range(rgb.shape[1]):
        y, b, r = luma[x], cb[x] - 128, cr[x] - 128
        red = y + (int32(RED_CR * r + BACKWARD_HALF) >> BACKWARD)
        green = y + (int32(BACKWARD_HALF - GREEN_CB * b - GREEN_CR * r) >> BACKWARD)
        blue = y + (int32(BLUE_CB * b + BACKWARD_HALF) >> BACKWARD)
        rgb[0, x] = min(max(red, 0), 255)
        rgb[1, x] = min(max(green, 0), 255)
        rgb[2, x] = min(max(blue, 0), 255)
