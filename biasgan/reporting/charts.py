import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from textwrap import wrap
from typing import NamedTuple, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.disparity_figure import disparity_figure
from biasgan.analysis.figures import DARK, LIGHT, Theme
from biasgan.analysis.rate_distortion import Curve
from biasgan.analysis.rate_distortion_figure import rate_distortion_figure
from biasgan.analysis.realism import Realism
from biasgan.analysis.realism_figure import realism_figure
from biasgan.analysis.training_figure import training_figure
from biasgan.analysis.triangle import Triangle
from biasgan.analysis.triangle_figure import triangle_figure
from biasgan.evaluation.result import Evaluation
from biasgan.reporting.bias import MEASURES, SCORES, at
from biasgan.reporting.groups import Group, Grouped, Images
from biasgan.reporting.paper import COMPRESSED, Subject
from biasgan.reporting.rates import Sweep, curve_of
from biasgan.reporting.table import file_name
from biasgan.runs.folder import RunFolder
from biasgan.runs.log import read_log

CURVES, ROWS, CLOUDS = 8, 12, 6
"""Groups that fit into a picture of curves, into one of bars or triangles, and into one of points."""
POINTS = 400
"""Patches that are drawn in a panel, of all groups together."""
DISPARITY = "disparity.csv"
DISTANCES = ("pixels", "features")
WIDE = 600
"""Points that half of a page can show."""
TITLE = 26
"""Characters that fit above bars in a line."""
LINES = 4
"""That have room there."""


Item = TypeVar("Item")


class Chart(NamedTuple):
    """A figure as SVG, drawn in the light theme."""

    name: str
    """Of its files, without ending."""
    title: str
    svg: str

    def themed(self, colors: Mapping[str, str]) -> str:
        """The SVG in other colours.

        Args:
            colors: Colour of the light theme → what stands for it.
        """
        lower = {color.lower(): other for color, other in colors.items()}
        return re.sub(r"#[0-9a-f]{6}\b", lambda found: lower.get(found[0], found[0]), self.svg)

    @property
    def dark(self) -> str:
        """The SVG in the dark theme."""
        return self.themed(dict(zip(names_of(LIGHT), names_of(DARK), strict=True)))

    @property
    def width(self) -> float:
        """In points, as it is drawn."""
        size = re.search(r'width="([\d.]+)pt"', self.svg)
        return float(size[1]) if size else 480

    @property
    def is_wide(self) -> bool:
        """Whether words would be too small in half of a page."""
        return self.width > WIDE

    @property
    def inline(self) -> str:
        """The SVG as a part of a page, whose variables are its colours."""
        themed = self.themed({color: f"var(--{name})" for color, name in names_of(LIGHT).items()})
        body = themed[themed.index("<svg") :]
        body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL).replace("xlink:href", "href")
        # Those of groups are the same in all figures, and nothing refers to them.
        referred = set(re.findall(r"#([\w.-]+)", body))
        body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referred else "", body)
        style = f'style="--width: {self.width:.0f}px"'
        body = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \1 {style}>", body, count=1)
        return re.sub(r"\n\s*", "\n", body)


def names_of(theme: Theme) -> dict[str, str]:
    """Colours of a theme → their names, as a page has them."""
    plain = {theme.background: "background", theme.ink: "ink", theme.muted: "muted", theme.faint: "faint"}
    return plain | {color: f"palette-{number}" for number, color in enumerate(theme.palette)}


def chart(name: str, title: str, figure: Figure) -> Chart:
    """Write a figure as SVG, with its text as text; the same figure gives the same SVG."""
    for words in figure.findobj(Text):
        # Names may have dollar signs, which would begin a formula. Ticks, which have no text yet, may be formulas.
        if words.get_text():
            words.set_parse_math(False)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "biasgan", "svg.fonttype": "none"}):  # pyright: ignore[reportUnknownMemberType] - partial stubs
        figure.savefig(text, format="svg", metadata={"Date": None})  # pyright: ignore[reportUnknownMemberType] - partial stubs
    return Chart(file_name(name), title, text.getvalue())


def parts(items: Sequence[Item], most: int) -> Iterator[tuple[str, Sequence[Item]]]:
    """Groups in parts that fit into a picture, with what tells the parts' names apart."""
    for start in range(0, len(items), most):
        yield f" {start // most + 1}" if len(items) > most else "", items[start : start + most]


def triangle_charts(images: Images) -> Iterator[Chart]:
    """Where restored images are, by each measure that there is: Fig. 8 and 9."""
    for measure, text in MEASURES.items():
        triangles = {
            group: Triangle.mean(found)
            for group, members in images.groups.items()
            if (found := [member.triangles[measure].triangle for member in members if measure in member.triangles])
        }
        usable = [group for group, triangle in triangles.items() if triangle.compressed_original > 0]
        for number, some in parts(usable, ROWS):
            figure = triangle_figure({group.label: triangles[group] for group in some}, text)
            yield chart(f"triangles {measure} {images.label}{number}", f"Triangles by {text}: {images.label}", figure)


def realism_charts(images: Images) -> Iterator[Chart]:
    """How real discriminators find the images: Tab. 1 and 2."""
    scores: dict[Group, Realism] = {}
    for group, members in images.groups.items():
        rows = [[at(member, *score.place) for score in SCORES] for member in members]
        if rows := [[value for value in row if value is not None] for row in rows if None not in row]:
            scores[group] = Realism(*(fmean(values) for values in zip(*rows, strict=True)))
    title = f"Realism, and by how much it differs from that of the originals: {images.label}"
    for number, some in parts(list(scores), ROWS):
        figure = realism_figure({above(group.label): scores[group] for group in some})
        yield chart(f"realism {images.label}{number}", title, figure)


def disparity_charts(images: Images) -> Iterator[Chart]:
    """How far patches are from their compressed versions, restored over original, by methods side by side: Fig. 6.

    Of evaluations without a table of patches nothing is drawn.
    """
    found: dict[Group, dict[str, Disparity]] = {}
    for group, members in images.groups.items():
        if tables := [table for member in members if (table := disparities_of(member))]:
            found[group] = {name: Disparity.joined(table[name] for table in tables) for name in DISTANCES}
    for number, some in parts(list(found), CLOUDS):
        panels = {name: {above(group.label): found[group][name] for group in some} for name in DISTANCES}
        figure = disparity_figure(panels, most=POINTS // len(some))
        yield chart(f"disparity {images.label}{number}", f"Disparity of patches: {images.label}", figure)


def disparities_of(evaluation: Evaluation) -> dict[str, Disparity]:
    """What stands in the table of patches beside an evaluation, by distance; empty where there is none of use."""
    try:
        with evaluation.file.with_name(DISPARITY).open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        columns = {
            name: [np.array([float(row[f"{name}_{side}"]) for row in rows]) for side in Disparity._fields]
            for name in DISTANCES
        }
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    whole = rows and all(np.isfinite(column).all() for sides in columns.values() for column in sides)
    return {name: Disparity(*sides) for name, sides in columns.items()} if whole else {}


def above(label: str) -> str:
    """A label as the title of bars: as many lines as have room, with the end of what is too long, which differs."""
    lines = wrap(label, TITLE)
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 2], "…", lines[-1]])


def rate_distortion_charts(sweep: Sweep) -> Iterator[Chart]:
    """What each metric gives for the bits that are spent: Fig. 7; nothing where there is one quality."""
    for name, column in sweep.columns().items():
        better = column.higher_is_better is not False
        curves = {group: mean_curve(own, name, better) for group, own in sweep.groups.items()}
        drawn = {group: curve for group, curve in curves.items() if curve and len(curve.values) > 1}
        for number, some in parts(list(drawn), CURVES):
            anchors = [mean_curve(sweep.groups[group], name, better, restored=False) for group in some]
            anchor = max((one for one in anchors if one), key=lambda one: len(one.values), default=None)
            if anchor is None:
                continue
            given = {COMPRESSED: anchor, **{group.label: drawn[group] for group in some}}
            unit = f" ({column.unit})" if column.unit else ""
            figure = rate_distortion_figure(given, COMPRESSED, f"{column.name}{unit}")
            yield chart(f"rate {name} {sweep.label}{number}", f"{column.name}: {sweep.label}", figure)


def mean_curve(
    by_seed: Mapping[int | None, Sequence[Evaluation]], metric: str, better: bool, restored: bool = True
) -> Curve | None:
    """The curve of means over seeds; None where nothing finite was measured."""
    points: dict[float, list[float]] = {}
    for members in by_seed.values():
        curve = curve_of(members, metric, better, restored)
        for rate, value in zip(curve.bits_per_pixel, curve.values, strict=True) if curve else ():
            if math.isfinite(value):
                points.setdefault(rate, []).append(value)
    return Curve(list(points), [fmean(values) for values in points.values()], better) if points else None


def training_charts(groups: Grouped) -> Iterator[Chart]:
    """How trainings went, those of a baseline in one picture, by the codec and quality that they were trained for."""
    found: dict[str, dict[str, dict[Path, None]]] = {}
    labels: dict[Path, str] = {}
    # What was evaluated at its own quality and others was trained once.
    for group, members in sorted(groups.items(), key=lambda item: item[0].trained_for != ""):
        for member in members:
            run = member.run.path.resolve() if member.run and member.run.log.is_file() else None
            if run and labels.setdefault(run, group.label) == group.label:
                named = Subject(group.subject.baseline).name if group.subject else group.label
                trained = (member.chosen.get("codec"), member.training.get("quality"))
                title = " ".join(str(word) for word in (f"{named},", *trained) if word is not None).rstrip(",")
                found.setdefault(title, {}).setdefault(group.label, {})[run] = None
    for title, runs in found.items():
        for number, some in parts(list(runs), CURVES):
            figure = training_figure({name: [read_log(RunFolder(run).log) for run in runs[name]] for name in some})
            if figure:
                yield chart(f"training {title}{number}", f"Training: {title}", figure)
