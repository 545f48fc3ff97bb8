import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from biasgan.io.images import ImageError, read_image
from biasgan.reporting.groups import Grouped, Images

CHARACTERS = 3_400_000
"""What all pictures of a page take together, at most."""
MOST, LEAST = 480, 128
"""Sides of crops in pixels."""
PICTURES = 4
"""Of each set of images, at most."""
GAIN = 6
"""By which differences are multiplied, so that they can be seen."""
QUALITIES = (88, 80, 70, 60, 45, 30)
"""Of WebP, tried in turn until a picture is small enough."""


class Picture(NamedTuple):
    """The same crop of an image in all its versions."""

    name: str
    size: tuple[int, int]
    """Width and height."""
    versions: Mapping[str, str]
    """`original`, `compressed` or a label → data URI."""


def pictures_of(images: Sequence[Images]) -> tuple[dict[str, list[Picture]], list[str]]:
    """Crops for the page, of the first seed of each group: as large, as many and as good as there is room for.

    Crops are not scaled, for what is compared would vanish; each is the one that compression damaged most.

    Args:
        images: What was evaluated on which images.

    Returns:
        The pictures by the label of their images, and why others are left out.
    """
    files = {one.label: files_of(one.groups) for one in images}

    def crops(count: int) -> int:
        return sum(len(versions) for named in files.values() for versions in list(named.values())[:count])

    count = PICTURES
    while count > 1 and crops(count) * LEAST**2 > CHARACTERS * 3:
        count -= 1
    share = CHARACTERS // max(1, crops(count))
    # About four pixels a character at a good quality.
    side = int(min(MOST, max(LEAST, (4 * share) ** 0.5))) // 8 * 8
    found: dict[str, list[Picture]] = {}
    left_out: list[str] = []
    for label, named in files.items():
        for name, versions in list(named.items())[:count]:
            try:
                found.setdefault(label, []).append(crop_of(name, versions, side, share))
            except ImageError as error:
                left_out.append(str(error))
    return {label: some for label, some in found.items() if some}, left_out


def files_of(groups: Grouped) -> dict[str, dict[str, Path]]:
    """Picture → version → file, of the pictures that have both an original and a compressed version."""
    found: dict[str, dict[str, Path]] = {}
    for group, members in groups.items():
        first = min(members, key=lambda member: (member.seed is None, member.seed or 0))
        folder = first.file.parent
        for picture in first.pictures:
            versions = found.setdefault(picture.get("name", ""), {})
            for version in ("original", "compressed", "restored"):
                file = folder / picture.get(version, "")
                # What an evaluation names elsewhere is none of its pictures.
                if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
                    versions.setdefault(group.label if version == "restored" else version, file)
    return {
        name: versions for name, versions in found.items() if name and {"original", "compressed"} <= versions.keys()
    }


def crop_of(name: str, files: Mapping[str, Path], side: int, most: int) -> Picture:
    """Cut the crop that compression damaged most out of all versions of an image.

    Raises:
        ImageError: If one of them cannot be read, or is of another size than the original.
    """
    arrays = {version: read_image(file) for version, file in files.items()}
    original = arrays["original"]
    for version, array in arrays.items():
        if array.shape != original.shape:
            raise ImageError(
                f"{files[version]} has {array.shape[1]} x {array.shape[0]} pixels, "
                f"its original {original.shape[1]} x {original.shape[0]}."
            )
    damage = np.abs(original.astype(np.int16) - arrays["compressed"]).mean(2)
    top, left = place_of_most(damage, side)
    crops = {version: array[top : top + side, left : left + side] for version, array in arrays.items()}
    height, width = crops["original"].shape[:2]
    return Picture(name, (width, height), {version: data_uri(crop, most) for version, crop in crops.items()})


def place_of_most(damage: np.ndarray, side: int) -> tuple[int, int]:
    """Where, at steps of 8 pixels, a square has the largest sum.

    Args:
        damage: (H, W).
        side: Of the square; where the image is smaller, it is the image.

    Returns:
        Top and left.
    """
    height, width = damage.shape
    sums = np.pad(damage.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = (np.arange(0, max(1, length - side + 1), 8)[:, None] for length in (height, width))
    bottoms, rights = np.minimum(tops + side, height), np.minimum(lefts + side, width)
    tops, lefts, bottoms, rights = tops, lefts.T, bottoms, rights.T
    totals = sums[bottoms, rights] - sums[tops, rights] - sums[bottoms, lefts] + sums[tops, lefts]
    row, column = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(row) * 8, int(column) * 8


def data_uri(array: np.ndarray, most: int) -> str:
    """Pixels as WebP within a text, of the best quality that takes no more characters; or of the worst, if none does.

    Args:
        array: (H, W, 3) uint8.
        most: Characters.
    """
    text = ""
    for quality in QUALITIES:
        file = io.BytesIO()
        Image.fromarray(array).save(file, format="WEBP", quality=quality, method=2)
        text = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        if len(text) <= most:
            break
    return text
