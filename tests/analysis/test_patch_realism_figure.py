import numpy as np
import torch

from biasgan.analysis.patch_realism_figure import patch_realism_figure
from biasgan.analysis.realism import Realism


def test_patches_stand_in_the_order_of_the_paper_with_their_scores() -> None:
    patches = {
        name: torch.full((3, 8, 8), value)
        for name, value in (("original", 1.0), ("restored", 0.6), ("compressed", 0.2))
    }
    figure = patch_realism_figure(patches, Realism(original=0.756, restored=0.28, compressed=0.84))
    assert [axes.get_title("left") for axes in figure.axes] == [
        "compressed\nrealism 0.84",
        "restored\nrealism 0.28",
        "original\nrealism 0.76",
    ]
    assert [np.asarray(axes.images[0].get_array()).max() for axes in figure.axes] == [51, 153, 255]
