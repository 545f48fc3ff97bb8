from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from biasgan.analysis.figures import LIGHT, SMALL, Panel, new_figure

Rows = Sequence[Mapping[str, float]]
"""Of a run's log, each with its `iteration`."""

PANELS = {
    "generator/pixel": "pixel loss, weighted",
    "valid/psnr": "PSNR on validation images, dB",
    "bias/deviation": "deviation by features, %",
    "bias/realism_restored": "realism given to restored patches",
}
"""Name in the log → what it is."""

LineStyle = Literal["-", "--", ":", "-."]
STYLES: tuple[LineStyle, ...] = ("-", "--", ":", "-.")
POINTS = 150
"""As many as a line shows; of longer logs, neighbours are averaged."""


def training_figure(logs: Mapping[str, Sequence[Rows]]) -> Figure | None:
    """Draw how trainings went, one line a seed; None where nothing that is drawn was logged.

    Args:
        logs: Name of a method → the logs of its seeds.
    """
    found = [name for name in PANELS if any(name in row for seeds in logs.values() for rows in seeds for row in rows)]
    if not found:
        return None
    lines = -(-len(found) // 2)
    figure = new_figure(7.4, 0.5 + 2.3 * lines)
    grid = list(figure.subplots(lines, min(2, len(found)), squeeze=False).flat)
    for axes, name in zip(grid, found, strict=False):
        panel = Panel(axes, ("left", "bottom"), grid="y")
        panel.name(PANELS[name], "iteration")
        panel.axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        for number, (label, seeds) in enumerate(logs.items()):
            for rows in seeds:
                x, y = thinned(rows, name)
                panel.line(x, y, LIGHT.look(number)[0], 1.2, style_of(number), label)
                if len(x) == 1:
                    panel.mark(x, y, LIGHT.look(number)[0], LIGHT.look(number)[1], label=label)
        if name == "generator/pixel" and all(line.get_ydata()[0] > 0 for line in axes.lines if len(line.get_ydata())):  # pyright: ignore[reportIndexIssue, reportArgumentType] - partial stubs
            axes.set_yscale("log")  # pyright: ignore[reportUnknownMemberType] - partial stubs
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    handles = [
        Line2D([], [], color=LIGHT.look(number)[0], linestyle=style_of(number), label=label)
        for number, label in enumerate(logs)
    ]
    figure.legend(  # pyright: ignore[reportUnknownMemberType] - partial stubs
        handles=handles, loc="outside lower left", ncols=2, frameon=False, labelcolor=LIGHT.ink, fontsize=SMALL
    )
    return figure


def style_of(number: int) -> LineStyle:
    """Style of a method's lines: another one where the palette begins anew."""
    return STYLES[number // len(LIGHT.palette) % len(STYLES)]


def thinned(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Iterations and values of what was logged, neighbours averaged to at most `POINTS`.

    Returns:
        (P,) and (P,), P ≤ POINTS.
    """
    points = np.array([(row["iteration"], row[name]) for row in rows if name in row]).reshape(-1, 2)
    parts = np.array_split(points, min(len(points), POINTS)) if len(points) else []
    means = np.array([part.mean(0) for part in parts]).reshape(-1, 2)
    return means[:, 0], means[:, 1]
