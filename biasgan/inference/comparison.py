"""A picture of what a restoration changed: before, after, and the difference, with labels."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

from biasgan.inference.photo import Photo

PANEL = 520
"""Largest side of a panel in pixels: three of them are about as wide as a screen."""
CROP = PANEL // 2
"""Largest side of what is shown magnified."""
NARROWEST = 250
"""Width that a label needs."""
GAP = 8
LINE = 28
BACKGROUND, TEXT, MARK = (32, 32, 32), (230, 230, 230), (255, 200, 0)
LARGEST_GAIN = 32
BLOCK = 8
"""Places of the crop are tried at these steps, in pixels."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def compare(before: Photo, after: Photo) -> Image.Image:
    """Draw a photograph before and after its restoration, and the absolute difference, made brighter.

    It is shown whole, scaled down if it is larger than a panel, and below that magnified where it changed most; what is
    small is only magnified. Transparency is laid on white.

    Args:
        before: As it was.
        after: Of the same size.
    """
    images = [on_white(photo) for photo in (before, after)]
    change = change_of(*images)
    left, top, right, bottom = box = most_changed(change)
    gain = gain_of(change[top:bottom, left:right])
    images.append(amplified(change, gain))
    names = ("before", "after", "difference" if gain == 1 else f"{gain} times the difference")
    width, height = images[0].size
    factor = PANEL // max(right - left, bottom - top)
    size = (right - left) * factor, (bottom - top) * factor
    crops = [image.crop(box).resize(size, Image.Resampling.NEAREST) for image in images]
    if box == (0, 0, width, height):
        return row(crops, names)
    scale = min(1, PANEL / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    wholes = [image.resize(size, Image.Resampling.LANCZOS) for image in images]
    for whole in wholes:
        ImageDraw.Draw(whole).rectangle([round(side * scale) for side in box], outline=MARK, width=2)
    titles = (f"{names[0]}, at {scale:.0%}", *names[1:])
    about = (f"where it changed most, at {factor:.0%}", "", "")
    cell = max(wholes[0].width, crops[0].width)
    return stack([row(wholes, titles, cell), row(crops, about, cell)])


def on_white(photo: Photo) -> Image.Image:
    """As 8-bit RGB."""
    picture = photo.shallow().picture
    if photo.alpha is None:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def change_of(before: Image.Image, after: Image.Image) -> np.ndarray:
    """The absolute difference of two pictures of a size in RGB, (H, W, 3) uint8."""
    return np.abs(np.asarray(after, np.int16) - np.asarray(before, np.int16)).astype(np.uint8)


def amplified(change: np.ndarray, gain: int) -> Image.Image:
    """A difference made brighter."""
    return Image.fromarray((change.astype(np.uint16) * gain).clip(max=255).astype(np.uint8))


def most_changed(change: np.ndarray) -> Box:
    """Where the crop lies that changed most.

    Args:
        change: (H, W, 3) uint8.
    """
    height, width = change.shape[:2]
    sides = min(height, CROP), min(width, CROP)
    mean = torch.from_numpy(change.mean(2, dtype=np.float32))[None, None]  # pyright: ignore[reportUnknownMemberType] - partial stubs
    blocks = functional.avg_pool2d(mean, BLOCK, ceil_mode=True, count_include_pad=False)
    window = tuple(max(1, side // BLOCK) for side in sides)
    sums = functional.avg_pool2d(blocks, window, stride=1)[0, 0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    top, left = min(row * BLOCK, height - sides[0]), min(column * BLOCK, width - sides[1])
    return left, top, left + sides[1], top + sides[0]


def gain_of(change: np.ndarray) -> int:
    """By how much a difference is multiplied to be seen: the largest power of two that spares all but 1 in 200."""
    high = float(np.quantile(change, 0.995))
    return 1 if high < 1 else min(LARGEST_GAIN, 2 ** max(0, math.floor(math.log2(255 / high))))


def row(panels: Sequence[Image.Image], titles: Sequence[str], cell: int = 0) -> Image.Image:
    """Panels side by side, each with its title above it, in cells of at least a width."""
    width, height = panels[0].size
    cell = max(width, cell, NARROWEST)
    picture = Image.new("RGB", (len(panels) * (cell + GAP) + GAP, LINE + height + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        left = GAP + index * (cell + GAP)
        draw.text((left, 5), title, fill=TEXT, font=font)
        picture.paste(panel, (left, LINE))
    return picture


def stack(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below one another."""
    picture = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), BACKGROUND)
    top = 0
    for one in rows:
        picture.paste(one, (0, top))
        top += one.height
    return picture
