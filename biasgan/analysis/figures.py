from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from biasgan.io.files import atomic_write

MARKERS = "osD^v"
"""Beside the colour, since a palette that all eyes tell apart is short."""

TITLE, TEXT, SMALL = 10.5, 9.0, 8.0
"""Sizes of type in points."""

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus, unlike the hyphen."""

Numbers = float | Sequence[float] | np.ndarray


class Theme(NamedTuple):
    """Colours of a figure: all distinct from the background and, for the colour-blind too, from each other."""

    background: str
    ink: str
    """Text, and what is not data."""
    muted: str
    """Text of second rank, and what is compared with."""
    faint: str
    """Grids and areas."""
    palette: tuple[str, ...]
    """Colours of methods; where these are compared, of restored, compressed and original images."""

    def look(self, number: int) -> tuple[str, str]:
        """Colour and marker of a method; no two of twenty have both in common."""
        return self.palette[number % len(self.palette)], MARKERS[number % len(MARKERS)]


LIGHT = Theme("#FFFFFF", "#1B1F24", "#6B737C", "#E6E9ED", ("#12A08A", "#D4500A", "#2458A6", "#6A1B4D"))
"""In which all figures are drawn."""
DARK = Theme("#101418", "#E8ECF0", "#949DA6", "#2A3038", ("#35BF9C", "#EB6A2E", "#4184D6", "#EDB0F0"))
"""Of which a page that is dark makes them."""


class Panel:
    """Axes that are drawn on in the house style: no more lines than are needed, and words beside what they mean.

    Args:
        axes: What is drawn on.
        spines: The sides with a line and ticks: "left", "bottom" …
        grid: Direction of grid lines: "x", "y", "both", or None.
    """

    def __init__(
        self,
        axes: Axes,
        spines: Collection[str] = (),
        grid: Literal["x", "y", "both"] | None = None,
    ) -> None:
        self.axes = axes
        axes.set_facecolor(LIGHT.background)
        for side, spine in axes.spines.items():
            spine.set_visible(side in spines)
            spine.set_color(LIGHT.muted)
        axes.tick_params(which="both", color=LIGHT.muted, labelcolor=LIGHT.ink, labelsize=SMALL, length=3)  # pyright: ignore[reportUnknownMemberType] - partial stubs
        axes.xaxis.set_visible("bottom" in spines)
        axes.yaxis.set_visible("left" in spines or "right" in spines)
        if grid is not None:
            axes.grid(visible=True, axis=grid, color=LIGHT.faint, linewidth=0.8)  # pyright: ignore[reportUnknownMemberType] - partial stubs
            axes.set_axisbelow(True)

    def name(self, title: str = "", x: str = "", y: str = "") -> None:
        """Write a title, above on the left, and what the axes show."""
        self.axes.set_title(title, loc="left", color=LIGHT.ink, fontsize=TITLE)  # pyright: ignore[reportUnknownMemberType] - partial stubs
        self.axes.set_xlabel(x, color=LIGHT.ink, fontsize=TEXT)  # pyright: ignore[reportUnknownMemberType] - partial stubs
        self.axes.set_ylabel(y, color=LIGHT.ink, fontsize=TEXT)  # pyright: ignore[reportUnknownMemberType] - partial stubs

    def line(self, x: Numbers, y: Numbers, color: str, width: float = 1.5, style: str = "-", label: str = "") -> None:
        """Draw a line; its label is for programs that read the figure."""
        self.axes.plot(x, y, style, color=color, linewidth=width, label=label, solid_capstyle="round")  # pyright: ignore[reportUnknownMemberType] - partial stubs

    def mark(self, x: Numbers, y: Numbers, color: str, marker: str, hollow: bool = False, label: str = "") -> None:
        """Draw markers."""
        face = LIGHT.background if hollow else color
        self.axes.plot(x, y, marker, color=color, markerfacecolor=face, markersize=5.5, zorder=3, label=label)  # pyright: ignore[reportUnknownMemberType] - partial stubs

    def bar(self, row: float, length: float, color: str) -> None:
        """Draw a bar from 0 to the right."""
        self.axes.barh(row, length, height=0.62, color=color)  # pyright: ignore[reportUnknownMemberType] - partial stubs

    def dots(self, x: np.ndarray, y: np.ndarray, color: str) -> None:
        """Draw small points; in an SVG, more than a thousand are pixels, or it would be as large as the data."""
        self.axes.plot(  # pyright: ignore[reportUnknownMemberType] - partial stubs
            x, y, "o", color=color, markersize=2.4, markeredgewidth=0, alpha=0.4, rasterized=len(x) > 1000
        )

    def label_ends(self, ends: Sequence["End"], height: float | None = None) -> None:
        """Label lines at the right of the axes, once their limits are set, with as little shift as makes room.

        Args:
            ends: Where each line ends, and what is written there.
            height: Of the axes in inches, as far as it is known; by default four fifths of the figure's.
        """
        axes = self.axes
        fraction = axes.transData + axes.transAxes.inverted()
        places = [(*map(float, fraction.transform(end.at)), end) for end in ends]
        places.sort(key=lambda place: place[1])
        inches = height or 0.8 * float(cast(Figure, axes.figure).get_size_inches()[1])
        gap = label_height([end.text for end in ends]) / inches
        heights = spread([y for _, y, _ in places], gap)
        # Below the axes is their name.
        raised = max(0, gap / 2 - min(heights, default=1))
        for (x, y, end), height in zip(places, [height + raised for height in heights], strict=True):
            leader = Line2D([x, 1, 1.03], [y, height, height], color=end.color, linewidth=1, linestyle=":")
            leader.set(transform=axes.transAxes, clip_on=False)
            axes.add_line(leader)
            self.write(end.text, (1.04, height), size=SMALL, units="axes fraction")

    def write(
        self,
        text: str,
        at: tuple[float, float],
        offset: tuple[float, float] = (0, 0),
        align: Literal["left", "center", "right"] = "left",
        color: str = LIGHT.ink,
        size: float = TEXT,
        units: Literal["data", "axes fraction"] = "data",
    ) -> None:
        """Write a few words beside a point.

        Args:
            text: The words.
            at: The point.
            offset: From the point to the middle of the line's height, in points.
            align: Which end of the line is there.
            color: By default that of text.
            size: In points.
            units: Of the point.
        """
        self.axes.annotate(  # pyright: ignore[reportUnknownMemberType] - partial stubs
            text, at, offset, units, "offset points", ha=align, va="center", color=color, fontsize=size
        )


class End(NamedTuple):
    """The right end of a line, with what is written beside it."""

    at: tuple[float, float]
    """In units of the data."""
    text: str
    """One line or more."""
    color: str
    """Of the line."""


def label_height(labels: Sequence[str]) -> float:
    """Inches that each of some labels needs, of one or more lines of small type, with room to the next."""
    return max(1.3 * SMALL * (label.count("\n") + 1) for label in labels) / 72


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move numbers apart until each is `gap` from the next, by the least sum of squared shifts.

    Args:
        places: In rising order.
        gap: The least difference of neighbours.
    """
    # Which not every figure needs.
    from scipy.optimize import isotonic_regression  # pyright: ignore[reportMissingTypeStubs] - has none

    # Less their due distances, numbers only have to rise.
    due = gap * np.arange(len(places))
    return [*(cast(Any, isotonic_regression)(places - due).x + due)] if places else []


def new_figure(width: float, height: float) -> Figure:
    """An empty figure.

    Args:
        width: In inches; 7 is the width of a page.
        height: In inches.
    """
    margins = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    return Figure(figsize=(width, height), dpi=150, facecolor=LIGHT.background, layout=margins)


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign; what is rounded to zero has plus."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", MINUS)


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure whole or not at all; the same figure gives the same bytes.

    Args:
        figure: Of any function in `analysis`.
        path: Ends in .svg or .png.

    Raises:
        ValueError: If it ends in anything else.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"figures are written as .svg or .png; got {path.name}")
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "biasgan"}), atomic_write(path) as temporary:  # pyright: ignore[reportUnknownMemberType] - partial stubs
        figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)  # pyright: ignore[reportUnknownMemberType] - partial stubs
