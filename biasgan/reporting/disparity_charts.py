import csv
from collections.abc import Iterator, Sequence

import numpy as np

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.disparity_figure import disparity_figure
from biasgan.reporting.charts import Chart, above, chart, parts
from biasgan.reporting.evaluations import Evaluation
from biasgan.reporting.groups import Group, Grouped

NAME = "disparity.csv"
DISTANCES = ("pixels", "features")
METHODS = 6
"""Groups that fit into a picture."""
POINTS = 400
"""Patches that are drawn in a panel, of all methods together."""


def disparity_charts(label: str, groups: Grouped) -> Iterator[Chart]:
    """How far patches are from their compressed versions, restored over original, by methods side by side: Fig. 6.

    Args:
        label: Of the images.
        groups: What was evaluated on them; those without a table of patches are left out.
    """
    found: dict[Group, dict[str, Disparity]] = {}
    for group, members in groups.items():
        if tables := [table for member in members if (table := disparities_of(member))]:
            found[group] = {name: Disparity.joined(table[name] for table in tables) for name in DISTANCES}
    for number, some in parts(list(found), METHODS):
        panels = {name: {above(group.label): found[group][name] for group in some} for name in DISTANCES}
        figure = disparity_figure(panels, most=POINTS // len(some))
        yield chart(f"disparity {label}{number}", f"Disparity of patches: {label}", figure)


def disparities_of(evaluation: Evaluation) -> dict[str, Disparity]:
    """What stands in the table of patches beside an evaluation, by distance; empty where there is none of use."""
    file = evaluation.file.with_name(NAME)
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        columns = {name: [_column(rows, f"{name}_{side}") for side in Disparity._fields] for name in DISTANCES}
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    whole = rows and all(np.isfinite(column).all() for sides in columns.values() for column in sides)
    return {name: Disparity(*sides) for name, sides in columns.items()} if whole else {}


def _column(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])
