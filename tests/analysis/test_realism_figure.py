import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from biasgan.analysis.figures import LIGHT
from biasgan.analysis.realism import Realism
from biasgan.analysis.realism_figure import patch_realism_figure, realism_figure

from .reading import words


def test_bars_are_as_long_as_the_scores_and_say_them() -> None:
    figure = realism_figure({"plain": Realism(0.76, 0.28, 0.84), "conditional": Realism(0.87, 0.04, 0.05)})
    plain, conditional = figure.axes
    assert [axes.get_title("left") for axes in (plain, conditional)] == ["plain", "conditional"]
    bars = [bar for bar in plain.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == [1, 0.76, 1, 0.28, 1, 0.84]
    restored, compressed, original, *_ = (color.lower() for color in LIGHT.palette)
    assert [to_hex(bar.get_facecolor()) for bar in bars[1::2]] == [original, restored, compressed]
    assert words(plain) == [
        *("original", "0.76"),
        *("restored", "0.28 (\N{MINUS SIGN}0.48)"),
        *("compressed", "0.84 (+0.08)"),
    ]
    assert words(conditional) == ["0.87", "0.04 (\N{MINUS SIGN}0.83)", "0.05 (\N{MINUS SIGN}0.82)"]


@pytest.mark.parametrize(("count", "named"), [(1, [0]), (4, [0, 3])])
def test_each_line_of_panels_names_its_bars_once(count: int, named: list[int]) -> None:
    figure = realism_figure({str(number): Realism(0.5, 0.5, 0.5) for number in range(count)})
    assert [number for number, axes in enumerate(figure.axes) if "restored" in words(axes)] == named
    assert [axes.get_title("left") for axes in figure.axes][:count] == [str(number) for number in range(count)]


def test_scores_are_needed() -> None:
    with pytest.raises(ValueError, match="at least one discriminator; got none"):
        realism_figure({})


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
