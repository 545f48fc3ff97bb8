from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from biasgan.analysis.figures import LIGHT, SMALL, Panel, new_figure

Rows = Sequence[Mapping[str, float]]
"""Of a run's log, each with its `iteration`."""

LOSS, PSNR = "pixel loss, weighted", "PSNR on validation images, dB"
PANELS = {
    "generator/pixel": LOSS,
    "valid/psnr": PSNR,
    "bias/deviation": "deviation by features, %",
    "bias/realism_restored": "realism given to restored patches",
}
"""Name in the log → what it is."""

LineStyle = Literal["-", "--", ":", "-."]
STYLES: tuple[LineStyle, ...] = ("-", "--", ":", "-.")
POINTS = 150
"""As many as a line shows; of longer logs, neighbours are averaged."""


class Curve(NamedTuple):
    """One value of a log over the iterations; `look` numbers its colour and style."""

    label: str
    rows: Rows
    name: str
    look: int

    @property
    def is_logged(self) -> bool:
        """Whether there is anything to draw."""
        return any(self.name in row for row in self.rows)


def run_figure(rows: Rows, pixel_stage: int) -> Figure:
    """Draw how one training goes: loss terms, PSNR, and the realism that its discriminator gives.

    Args:
        rows: Logged values.
        pixel_stage: Its last iteration, shaded up to there; 0 for none.
    """
    terms = dict.fromkeys(name for row in rows for name in row if name.startswith(("generator/", "discriminator/")))
    named = {
        "loss terms, weighted": {name: name.replace("/", " ") for name in terms},
        PSNR: {"valid/psnr": "restored", "valid/compressed_psnr": "compressed"},
        "realism given by the discriminator": {
            f"bias/realism_{candidate}": candidate for candidate in ("original", "restored", "compressed")
        },
    }
    figure = Figure(figsize=(13, 3.8), dpi=110, facecolor=LIGHT.background)
    # To have Matplotlib find margins would take as long as all else.
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.13, top=0.92, wspace=0.15)
    for axes, (title, names) in zip(figure.subplots(1, 3), named.items(), strict=True):
        curves = [Curve(label, rows, name, look) for look, (name, label) in enumerate(names.items())]
        panel = Panel(axes, ("left", "bottom"), grid="y")
        draw(panel, title, curves)
        if pixel_stage:
            axes.axvspan(0, pixel_stage, color=LIGHT.faint, label="pixel stage", zorder=0)
        if title.startswith("realism"):
            axes.set_ylim(0, 1)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=SMALL, frameon=False)
    return figure


def training_figure(logs: Mapping[str, Sequence[Rows]]) -> Figure | None:
    """Draw how trainings went, one line a seed; None where nothing that is drawn was logged.

    Args:
        logs: Name of a method → the logs of its seeds.
    """
    drawn = {title: [curve for curve in curves_of(logs, name) if curve.is_logged] for name, title in PANELS.items()}
    panels = {title: curves for title, curves in drawn.items() if curves}
    if not panels:
        return None
    lines = -(-len(panels) // 2)
    figure = new_figure(7.4, 0.5 + 2.3 * lines)
    grid = list(figure.subplots(lines, min(2, len(panels)), squeeze=False).flat)
    for axes, (title, curves) in zip(grid, panels.items(), strict=False):
        draw(Panel(axes, ("left", "bottom"), grid="y"), title, curves)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles = [
        Line2D([], [], color=LIGHT.look(number)[0], linestyle=style_of(number), label=label)
        for number, label in enumerate(logs)
    ]
    figure.legend(  # pyright: ignore[reportUnknownMemberType] - partial stubs
        handles=handles, loc="outside lower left", ncols=2, frameon=False, labelcolor=LIGHT.ink, fontsize=SMALL
    )
    return figure


def curves_of(logs: Mapping[str, Sequence[Rows]], name: str) -> Iterator[Curve]:
    """A logged value of several trainings, one curve a seed."""
    for look, (label, seeds) in enumerate(logs.items()):
        for rows in seeds:
            yield Curve(label, rows, name, look)


def draw(panel: Panel, title: str, curves: Sequence[Curve]) -> None:
    """Draw curves over the iterations; losses on a logarithmic scale, where none is nought."""
    axes = panel.axes
    panel.name(title, "iteration")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    lowest: list[float] = []
    for curve in (curve for curve in curves if curve.is_logged):
        x, y = thinned(curve.rows, curve.name)
        color, marker = LIGHT.look(curve.look)
        panel.line(x, y, color, 1.2, style_of(curve.look), curve.label)
        if len(x) == 1:
            panel.mark(x, y, color, marker)
        lowest.append(float(y.min()))
    if title.endswith("weighted") and lowest and min(lowest) > 0:
        axes.set_yscale("log")  # pyright: ignore[reportUnknownMemberType] - partial stubs


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
