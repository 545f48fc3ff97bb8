from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.disparity_figure import disparity_figure
from biasgan.analysis.figures import write_figure
from biasgan.analysis.patches import most_damaged
from biasgan.analysis.realism import Realism, Scores
from biasgan.analysis.realism_figure import patch_realism_figure
from biasgan.analysis.residual import residual_figure
from biasgan.io.images import to_tensor, write_png

CROP = 256
"""Largest side of the crops whose residuals are drawn."""


class Judged(NamedTuple):
    """What a discriminator gives to the patches of an image."""

    realism: Scores
    patch_size: int


def draw_image(
    folder: Path, name: str, images: Mapping[str, np.ndarray], judged: Judged | None = None
) -> dict[str, str]:
    """Write an image in its three states, and pictures of the part that compression damaged most.

    One is of what its states differ by (Fig. 4 and 10), one of how real the discriminator finds each (Fig. 2).

    Args:
        folder: In which `pictures` is.
        name: Of the image.
        images: Pixels, (H, W, 3) uint8, of the compressed, the restored and the original image, by these names.
        judged: None if there is no discriminator.

    Returns:
        `name`, and the files' paths in the folder by the names of the images, and of `residual` and `realism`.
    """
    files = {
        state: f"pictures/{name}-{state}.png" for state in (*images, "residual", *["realism"] * (judged is not None))
    }
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for state, pixels in images.items():
        write_png(folder / files[state], pixels)
    tensors = {state: to_tensor(pixels)[None] for state, pixels in images.items()}
    _, crops = most_damaged(tensors, min(CROP, *tensors["original"].shape[-2:]))
    figure = residual_figure(crops["compressed"], crops["original"], {"restored": crops["restored"]})
    write_figure(figure, folder / files["residual"])
    if judged:
        place, patches = most_damaged(tensors, judged.patch_size)
        scores = Realism(*(float(each[place]) for each in judged.realism))
        write_figure(patch_realism_figure(patches, scores), folder / files["realism"])
    return {"name": name, **files}


def draw_disparity(folder: Path, disparities: Mapping[str, Disparity]) -> None:
    """Draw the disparity of all patches by each distance: Fig. 6.

    Args:
        folder: Gets `disparity.png`.
        disparities: By the distance's name.
    """
    panels = {distance: {"restored": disparity} for distance, disparity in disparities.items()}
    write_figure(disparity_figure(panels), folder / "disparity.png")
