from collections.abc import Iterator, Mapping, Sequence

import torch
from kornia.contrib import extract_tensor_patches
from torch import Tensor

from biasgan.io.images import pad_to_multiple


def patch_grid(image: Tensor, size: int, most: int | None = None) -> Tensor:
    """Cut the non-overlapping grid of patches from the top-left corner, remainders dropped.

    Args:
        image: (1, C, H, W); where a side is smaller than `size`, it is extended by reflection.
        size: Side of a patch; 128 in the paper.
        most: Take at most so many, evenly spread; None takes all.

    Returns:
        (P, C, size, size).
    """
    if min(image.shape[-2:]) < size:
        image = pad_to_multiple(image, size)
    height, width = (side // size * size for side in image.shape[-2:])
    grid = extract_tensor_patches(image[..., :height, :width], size, stride=size)[0]
    if most is not None and len(grid) > most:
        grid = grid[torch.linspace(0, len(grid) - 1, most).round().long()]
    return grid.contiguous(memory_format=torch.channels_last)


def patches_of(
    images: Sequence[Tensor], size: int, at_once: int, most: int | None = None
) -> Iterator[tuple[Tensor, ...]]:
    """The same patches of several versions of an image, some at a time.

    Args:
        images: Each (1, C, H, W).
        size: As in `patch_grid`.
        at_once: Patches of a version that are in one part.
        most: As in `patch_grid`.

    Returns:
        Parts, each (P, C, size, size) of every version, P ≤ `at_once`.
    """
    return zip(*(torch.split(patch_grid(image, size, most), at_once) for image in images), strict=True)


def most_damaged(images: Mapping[str, Tensor], size: int) -> tuple[int, dict[str, Tensor]]:
    """The patch of the grid in which `compressed` and `original` differ most.

    Args:
        images: Versions of an image, each (1, C, H, W).
        size: As in `patch_grid`.

    Returns:
        Its place in the grid, and each version's patch there, (C, size, size).
    """
    grids = {version: patch_grid(image, size) for version, image in images.items()}
    place = int((grids["original"] - grids["compressed"]).abs().mean((1, 2, 3)).argmax())
    return place, {version: grid[place] for version, grid in grids.items()}
