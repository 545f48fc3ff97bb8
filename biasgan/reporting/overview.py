"""All that was evaluated, and in what trainings of one method differ."""

from collections.abc import Mapping, Sequence

from biasgan.evaluation.result import Condition, Evaluation
from biasgan.reporting.groups import Group, Grouped
from biasgan.reporting.table import Cell, Column, Row, Table, decimals
from biasgan.reporting.traits import differing, shown

COLUMNS = (
    Column("bits per pixel"),
    Column("parameters"),
    Column("multiply-adds", "per pixel"),
    Column("speed", "megapixels/s"),
)
REASONS = ("", "no network was run", "no network was run", "not timed")
MOST = 40
"""Characters of a value that are shown."""


def evaluation_table(evaluations: Sequence[Evaluation], labels: Mapping[Condition, str]) -> Table:
    """All that was evaluated, with its cost.

    Args:
        evaluations: A row each.
        labels: Of the images.
    """
    rows: list[Row] = []
    for one in evaluations:
        network, speed = one.network, one.speed
        values = [
            one.bits_per_pixel.mean,
            network and network.parameters,
            network and network.multiply_adds_per_pixel,
            speed and speed.megapixels_per_second,
        ]
        cells = [
            Cell(note=reason) if value is None else Cell(float(value), decimals(value, 3))
            for value, reason in zip(values, REASONS, strict=True)
        ]
        words = [str(one.chosen.get(name) or "") for name in ("baseline", "method", "scale")]
        seed, device = "" if one.seed is None else str(one.seed), speed and speed.device
        rows.append(Row(one.subject.name, cells, [*words, seed, labels[one.condition], device or ""]))
    heads = ["name", "baseline", "method", "scale", "seed", "images", "timed on"]
    return Table("evaluations", "Evaluations", heads, COLUMNS, rows)


def configuration_table(groups: Grouped) -> Table | None:
    """In what trainings differ that are of one baseline and method; None where none are.

    Labels name the first differences alone where there are many.
    """
    rows: list[Row] = []
    for group in groups:
        own = dict(group.traits)
        names = differing(own, [dict(other.traits) for other in groups if name_of(other) == name_of(group)])
        words = (shown(name, cut_off(own.get(name))) for name in names)
        if names:
            rows.append(Row(group.label, [], [", ".join(word for word in words if word)]))
    if not rows:
        return None
    notes = ["Numbers are averaged over trainings that differ in nothing but their seed."]
    return Table("configurations", "In what trainings of one method differ", ["method", "of it alone"], [], rows, notes)


def cut_off(value: str | None) -> str | None:
    """A value of a trait, or as much of it as has room."""
    return value if value is None or len(value) <= MOST else f"{value[:MOST]}…"


def name_of(group: Group) -> object:
    """What groups have in common that are compared: the method, or else what labels begin with."""
    return group.subject or group.label.partition(" (")[0]
