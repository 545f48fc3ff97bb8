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
