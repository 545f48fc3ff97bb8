"""What the same quality costs in bits: curves and Bjøntegaard deltas over several qualities."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from biasgan.analysis.figures import MINUS, signed
from biasgan.analysis.rate_distortion import Curve, Method, bd_metric, bd_rate
from biasgan.evaluation.result import Condition, Evaluation
from biasgan.reporting import paper
from biasgan.reporting.groups import Group, Grouped, Images, count_of, identity_of, set_of
from biasgan.reporting.likeness import differences, in_short, metric_differences, training_differences
from biasgan.reporting.paper import Subject
from biasgan.reporting.statistics import mean_of
from biasgan.reporting.table import DOUBT, Cell, Column, Row, Table, cell_of, decimals, file_name
from biasgan.reporting.tables import absent_rows, compared, metric_columns, seeds, value_of, why_missing

DOUBTED = f"{DOUBT} is to be doubted: the curves overlap little, or more bits do not always give a better value."


class Sweep(NamedTuple):
    """What was evaluated on the same images, by the same codec at several qualities."""

    label: str
    conditions: Sequence[Condition]
    groups: Mapping[Group, Mapping[int | None, Sequence[Evaluation]]]
    """Evaluations that make a curve, by group and seed."""
    evaluations: Sequence[Evaluation]
    """All of them."""
    absent: Mapping[Subject, str]
    """Why other trainings were not."""
    mixed: Sequence[str]
    """What was evaluated on the same set, and is no point of a curve."""

    def columns(self) -> dict[str, Column]:
        """A column for each metric."""
        return metric_columns(one for seeds in self.groups.values() for some in seeds.values() for one in some)


def sweeps(images: Sequence[Images], groups: Grouped) -> list[Sweep]:
    """The same images and codec at several qualities.

    Fingerprints are of compressed images too; so images are the same here if their set, names and sizes are. Images of
    mixed qualities are no point of a curve.

    Args:
        images: What was evaluated on which images.
        groups: All that was evaluated.
    """
    found: dict[tuple[object, ...], list[Images]] = {}
    for one in images:
        if one.condition.is_point:
            names = next((listed for each in one.evaluations if (listed := names_in(each))), ())
            condition = one.condition
            key = (condition.set_name, condition.images, condition.codec, condition.identity, names)
            found.setdefault(key, []).append(one)
    firsts = [own[0].condition for own in found.values()]
    labels = [f"{first.set_name}, {first.codec}" for first in firsts]
    return [
        sweep_of(
            label if labels.count(label) == 1 else f"{label} ({count_of(at)}, {set_of(at)}, {identity_of(at)})",
            own,
            groups,
        )
        for label, at, own in zip(labels, firsts, found.values(), strict=True)
    ]


def sweep_of(label: str, images: Sequence[Images], groups: Grouped) -> Sweep:
    """What was evaluated on some images that are the same but for their quality."""
    conditions = [one.condition for one in images]
    members = [(group, member) for group, some in groups.items() for member in some]
    return Sweep(
        label,
        conditions,
        by_rate(conditions, groups),
        [member for _, member in members if member.condition in conditions],
        {subject: reason for one in images for subject, reason in one.absent.items()},
        [
            f"{group.label} at {member.condition.quality}"
            for group, member in members
            if not member.condition.is_point and member.condition[:2] == conditions[0][:2]
        ],
    )


def names_in(evaluation: Evaluation) -> tuple[tuple[str, ...], ...]:
    """Names and sizes of its images, sorted; none where it has no table of them."""
    images = evaluation.images.items()
    return tuple(sorted((name, row.get("height") or "", row.get("width") or "") for name, row in images))


def by_rate(conditions: Sequence[Condition], groups: Grouped) -> dict[Group, dict[int | None, list[Evaluation]]]:
    """What was evaluated on images of a sweep, by group and seed.

    A network that was evaluated at other qualities than its own has its own curve, with its own quality.
    """
    found: dict[Group, dict[int | None, list[Evaluation]]] = {}
    for group, members in groups.items():
        networks = {member.subject.sha256 for member in members if group.trained_for} - {None}
        others = (one for other, some in groups.items() if other != group for one in some)
        for member in (*members, *(one for one in others if one.subject.sha256 in networks)):
            if member.condition in conditions:
                found.setdefault(group, {}).setdefault(member.seed, []).append(member)
    return found


def curve_of(members: Iterable[Evaluation], metric: str, better: bool, restored: bool = True) -> Curve | None:
    """The curve of a metric over evaluations at several qualities; None where it was never measured."""
    points = [(member.bits_per_pixel.mean, value_of(member, metric, restored)) for member in members]
    points = sorted({rate: value for rate, value in points if value is not None}.items())
    return Curve([rate for rate, _ in points], [value for _, value in points], better) if points else None


def bd_rate_table(sweep: Sweep) -> Table:
    """Bits at equal quality, against the compressed images: Tab. 4."""
    columns, rows, notes = bd_rows(sweep, is_rate=True)
    return Table(
        file_name("bd-rate", sweep.label),
        f"BD-rate against the compressed images: {sweep.label}",
        ["method"],
        [column._replace(unit="%", higher_is_better=False) for column in columns],
        rows,
        [
            "Bits that are saved (negative) or spent (positive) at equal quality.",
            *notes,
            compared("Tab. 4", differences(sweep.evaluations, paper.QUALITIES)),
        ],
    )


def bd_metric_table(sweep: Sweep) -> Table:
    """Quality at equal bits, against the compressed images."""
    columns, rows, notes = bd_rows(sweep, is_rate=False)
    return Table(
        file_name("bd-metric", sweep.label),
        f"BD-metric against the compressed images: {sweep.label}",
        ["method"],
        columns,
        rows,
        ["By how much the metric differs at equal bits.", *notes],
    )


def bd_rows(sweep: Sweep, is_rate: bool) -> tuple[list[Column], list[Row], list[str]]:
    """A Bjøntegaard delta of each metric, of means over images, for each group; with notes on them."""
    columns = sweep.columns()
    rows = [
        Row(group.label, [bd_cell(sweep, group, name, column, is_rate) for name, column in columns.items()])
        for group in sweep.groups
    ]
    rows += absent_rows(sweep.absent, sweep.groups, len(columns))
    listed = "; ".join(dict.fromkeys(sweep.mixed))
    notes = [f"Left out, since images of mixed or unknown qualities are no point of a curve: {listed}."] * bool(listed)
    notes.append("By a cubic polynomial, as in the paper; each cell gives the overlap of the curves, PCHIP and Akima.")
    return list(columns.values()), rows, [*notes, *[DOUBTED] * any(one.doubtful for row in rows for one in row.cells)]


def bd_cell(sweep: Sweep, group: Group, name: str, column: Column, is_rate: bool) -> Cell:
    """The delta of a metric for a group, over its seeds."""
    deltas, notes, doubts = bd_deltas(sweep.groups[group], name, column.higher_is_better is not False, is_rate)
    figure = paper.BD_RATE.get(name, {}).get(group.subject or Subject("")) if is_rate else None
    unlike = ""
    if figure:
        own = [member for some in sweep.groups[group].values() for member in some]
        told = [*differences(own, paper.QUALITIES), *training_differences(group, own), *metric_differences(name, own)]
        unlike = in_short(told)
    mean = mean_of(deltas["cubic"]) if deltas["cubic"] else None
    others = [
        f"by {method} {said(values, is_rate)}" for method, values in deltas.items() if method != "cubic" and values
    ]
    note = "; ".join(dict.fromkeys([*([seeds(mean)] if mean else []), *notes, *doubts, *others]))
    digits = 1 if is_rate or not mean else decimals(mean.value, 3)
    shown = cell_of(mean, note, digits=digits, has_sign=True, paper=figure, unlike=unlike)
    return shown._replace(doubtful=bool(doubts and mean))


def bd_deltas(
    by_seed: Mapping[int | None, Sequence[Evaluation]], name: str, better: bool, is_rate: bool
) -> tuple[dict[Method, list[float]], list[str], list[str]]:
    """Deltas by method, one for each seed that has some; with notes on them, and reasons to doubt them."""
    deltas: dict[Method, list[float]] = {"cubic": [], "pchip": [], "akima": []}
    notes: list[str] = []
    doubts: list[str] = []
    for own in by_seed.values():
        anchor, test = (curve_of(own, name, better, restored) for restored in (False, True))
        if anchor is None or test is None:
            notes.append(why_missing(name, own))
        elif (count := len(test.values)) < 4:
            notes.append(f"{'one quality' if count == 1 else f'{count} qualities'} only: a curve needs four")
        else:
            for method, values in deltas.items():
                delta = (bd_rate if is_rate else bd_metric)(anchor, test, method)
                values += [] if math.isnan(delta.value) else [delta.value]
                if method == "cubic":
                    notes.append(f"overlap {delta.overlap:.0f} %")
                    doubts += delta.flags
    return deltas, notes, doubts


def said(values: Sequence[float], is_rate: bool) -> str:
    """The mean of some deltas, in words."""
    return f"{signed(fmean(values), 2)} %" if is_rate else f"{fmean(values):+.4g}".replace("-", MINUS)
