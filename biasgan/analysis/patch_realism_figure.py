from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from biasgan.analysis.figures import Panel, new_figure
from biasgan.analysis.realism import Realism
from biasgan.io.images import to_uint8

SIDE = 1.7
"""Width of a patch in inches."""


def patch_realism_figure(patches: Mapping[str, Tensor], scores: Realism) -> Figure:
    """Draw a patch compressed, restored and original, each with how real a discriminator finds it: Fig. 2.

    Args:
        patches: (3, S, S) in [0, 1] by the names `compressed`, `restored` and `original`.
        scores: Of this patch, each in [0, 1].
    """
    names = ("compressed", "restored", "original")
    figure = new_figure(SIDE * len(names) + 0.3, SIDE + 0.5)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        panel = Panel(axes)
        panel.axes.imshow(to_uint8(patches[name]), interpolation="nearest")  # pyright: ignore[reportUnknownMemberType] - partial stubs
        panel.name(f"{name}\nrealism {getattr(scores, name):.2f}")
    return figure
