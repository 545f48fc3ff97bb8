import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from textwrap import wrap
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

from biasgan.analysis.figures import DARK, LIGHT, Theme
from biasgan.analysis.rate_distortion import Curve
from biasgan.analysis.rate_distortion_figure import rate_distortion_figure
from biasgan.analysis.realism import Realism
from biasgan.analysis.realism_figure import realism_figure
from biasgan.analysis.training_figure import training_figure
from biasgan.analysis.triangle import Triangle
from biasgan.analysis.triangle_figure import triangle_figure
from biasgan.reporting.bias_table import CANDIDATES, MEASURES
from biasgan.reporting.evaluations import Condition, Evaluation, part
from biasgan.reporting.groups import Group, Grouped, name_of
from biasgan.reporting.paper import COMPRESSED, Subject
from biasgan.reporting.table import file_name
from biasgan.reporting.tables import by_rate, curve_of, metric_columns
from biasgan.runs.folder import RunFolder
from biasgan.runs.log import read_log

CURVES, ROWS = 8, 12
"""Groups that fit into a picture of curves, and into one of bars or triangles."""
WIDE = 600
"""Points that half of a page can show."""
TITLE = 26
"""Characters that fit above bars in a line."""
LINES = 4
"""That have room there."""


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


def parts(groups: Sequence[Group], most: int) -> Iterator[tuple[str, Sequence[Group]]]:
    """Groups in parts that fit into a picture, with what tells the parts' names apart."""
    for start in range(0, len(groups), most):
        yield f" {start // most + 1}" if len(groups) > most else "", groups[start : start + most]


def triangle_charts(label: str, groups: Grouped) -> Iterator[Chart]:
    """Where restored images are, by each measure that there is: Fig. 8 and 9.

    Args:
        label: Of the images.
        groups: What was evaluated on them.
    """
    for measure, text in MEASURES.items():
        triangles = {
            group: Triangle.mean(found)
            for group, members in groups.items()
            if (found := [member.triangles[measure] for member in members if measure in member.triangles])
        }
        usable = [group for group, triangle in triangles.items() if triangle.compressed_original > 0]
        for number, some in parts(usable, ROWS):
            figure = triangle_figure({group.label: triangles[group] for group in some}, text)
            yield chart(f"triangles {measure} {label}{number}", f"Triangles by {text}: {label}", figure)


def realism_charts(label: str, groups: Grouped) -> Iterator[Chart]:
    """How real discriminators find the images: Tab. 1 and 2.

    Args:
        label: Of the images.
        groups: What was evaluated on them.
    """
    scores: dict[Group, Realism] = {}
    for group, members in groups.items():
        rows = [[part(member.content, "realism", name) for name in CANDIDATES] for member in members]
        rows = [row for row in rows if all(isinstance(value, int | float) for value in row)]
        if rows:
            scores[group] = Realism(*(fmean(values) for values in zip(*rows, strict=True)))
    for number, some in parts(list(scores), ROWS):
        figure = realism_figure({above(group.label): scores[group] for group in some})
        yield chart(
            f"realism {label}{number}",
            f"Realism, and by how much it differs from that of the originals: {label}",
            figure,
        )


def above(label: str) -> str:
    """A label as the title of bars: as many lines as have room, with the end of what is too long, which differs."""
    lines = wrap(label, TITLE)
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 2], "…", lines[-1]])


def rate_distortion_charts(label: str, conditions: Sequence[Condition], groups: Grouped) -> Iterator[Chart]:
    """What each metric gives for the bits that are spent: Fig. 7; nothing where there is one quality.

    Args:
        label: Of set and codec.
        conditions: All qualities.
        groups: What was evaluated.
    """
    found = by_rate(conditions, groups)
    members = [member for of_group in found.values() for of_seed in of_group.values() for member in of_seed]
    for name, column in metric_columns(members).items():
        better = column.higher_is_better is not False
        curves = {group: _mean_curve(own, name, better) for group, own in found.items()}
        drawn = {group: curve for group, curve in curves.items() if curve and len(curve.values) > 1}
        for number, some in parts(list(drawn), CURVES):
            anchors = [_mean_curve(found[group], name, better, restored=False) for group in some]
            anchor = max((one for one in anchors if one), key=lambda one: len(one.values), default=None)
            if anchor is None:
                continue
            given = {COMPRESSED: anchor, **{group.label: drawn[group] for group in some}}
            unit = f" ({column.unit})" if column.unit else ""
            figure = rate_distortion_figure(given, COMPRESSED, f"{column.name}{unit}")
            yield chart(f"rate {name} {label}{number}", f"{column.name}: {label}", figure)


def _mean_curve(
    seeds: Mapping[int | None, Sequence[Evaluation]], metric: str, better: bool, restored: bool = True
) -> Curve | None:
    """The curve of means over seeds; None where nothing finite was measured."""
    points: dict[float, list[float]] = {}
    for members in seeds.values():
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
            run = member.run.resolve() if member.run else None
            if run and RunFolder(run).log.is_file() and labels.setdefault(run, group.label) == group.label:
                named = name_of(Subject(group.subject.baseline)) if group.subject else group.label
                trained = (member.chosen.get("codec"), member.training.get("quality"))
                title = " ".join(str(word) for word in (f"{named},", *trained) if word is not None).rstrip(",")
                found.setdefault(title, {}).setdefault(group.label, {})[run] = None
    for title, runs in found.items():
        names = list(runs)
        for start in range(0, len(names), CURVES):
            shown = names[start : start + CURVES]
            logs = {name: [read_log(RunFolder(run).log) for run in runs[name]] for name in shown}
            figure = training_figure(logs)
            number = f" {start // CURVES + 1}" if len(names) > CURVES else ""
            if figure:
                yield chart(f"training {title}{number}", f"Training: {title}", figure)
