from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from biasgan.analysis.figures import LIGHT, Panel, new_figure, signed
from biasgan.analysis.realism import Realism
from biasgan.io.images import to_uint8

COLUMNS = 3
SIDE = 1.7
"""Width of a patch in inches."""


def realism_figure(scores: Mapping[str, Realism]) -> Figure:
    """Draw how real discriminators find original, restored and compressed patches: Tab. 1 and 2.

    Beside each bar is its score and, in brackets, how far that is from the score of the originals.

    Args:
        scores: Name of a discriminator → its scores; at least one.

    Raises:
        ValueError: If there are no scores.
    """
    if not scores:
        raise ValueError("a picture of realism scores needs those of at least one discriminator; got none")
    columns = min(COLUMNS, len(scores))
    lines = -(-len(scores) // columns)
    figure = new_figure(0.9 + 2.2 * columns, 0.1 + 1.25 * lines)
    grid = figure.subplots(lines, columns, squeeze=False).flat
    restored, compressed, original, *_ = LIGHT.palette
    colors = {"original": original, "restored": restored, "compressed": compressed}
    for number, axes in enumerate(grid):
        panel = Panel(axes)
        panel.axes.set(xlim=(0, 1.6), ylim=(2.5, -0.5))
        if number >= len(scores):
            continue
        name, found = list(scores.items())[number]
        panel.name(name)
        for row, (candidate, color) in enumerate(colors.items()):
            score = float(getattr(found, candidate))
            panel.bar(row, 1, LIGHT.faint)
            panel.bar(row, score, color)
            if number % columns == 0:
                panel.write(candidate, (0, row), (-6, 0), "right")
            difference = "" if candidate == "original" else f" ({signed(score - found.original, 2)})"
            panel.write(f"{score:.2f}{difference}", (1, row), (6, 0))
    return figure


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
