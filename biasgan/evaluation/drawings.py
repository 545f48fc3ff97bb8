from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.disparity_figure import disparity_figure
from biasgan.analysis.figures import write_figure
from biasgan.analysis.patches import patch_grid
from biasgan.analysis.residual import residual_figure
from biasgan.images import to_tensor, write_png

CROP = 256
"""Largest side of the crops whose residuals are drawn."""


def draw_image(folder: Path, name: str, images: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Write an image in its three states, and what the crop that compression damaged most differs by: Fig. 4 and 10.

    Args:
        folder: In which `pictures` is.
        name: Of the image.
        images: Pixels, (H, W, 3) uint8, of the compressed, the restored and the original image, by these names.

    Returns:
        `name`, and the files' paths in the folder by the names of the images, and of `residual`.
    """
    files = {state: f"pictures/{name}-{state}.png" for state in (*images, "residual")}
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for state, pixels in images.items():
        write_png(folder / files[state], pixels)
    crops = most_damaged({state: to_tensor(pixels) for state, pixels in images.items()})
    figure = residual_figure(crops["compressed"], crops["original"], {"restored": crops["restored"]})
    write_figure(figure, folder / files["residual"])
    return {"name": name, **files}


def most_damaged(images: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The crop of each image, (3, H, W), where compressed and original differ most."""
    size = min(CROP, *images["original"].shape[-2:])
    grids = {state: patch_grid(image[None], size) for state, image in images.items()}
    damage = (grids["original"] - grids["compressed"]).abs().mean((1, 2, 3))
    return {state: grid[damage.argmax()] for state, grid in grids.items()}


def draw_disparity(folder: Path, disparities: Mapping[str, Disparity]) -> None:
    """Draw the disparity of all patches by each distance: Fig. 6.

    Args:
        folder: Gets `disparity.png`.
        disparities: By the distance's name.
    """
    panels = {distance: {"restored": disparity} for distance, disparity in disparities.items()}
    write_figure(disparity_figure(panels), folder / "disparity.png")
