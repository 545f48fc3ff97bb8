"""Objective quality of what was evaluated on the same images, beside the paper's."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeGuard

from biasgan.evaluation.result import Condition, Evaluation
from biasgan.reporting import paper
from biasgan.reporting.groups import Group, Grouped, Images, counterpart
from biasgan.reporting.likeness import (
    Unlike,
    differences,
    in_short,
    is_x265,
    metric_differences,
    training_differences,
)
from biasgan.reporting.paper import Subject
from biasgan.reporting.statistics import Mean, mean_of
from biasgan.reporting.table import Cell, Column, Row, Table, cell_of, file_name

NOT_EVALUATED = "not evaluated"
UNKNOWN_METRIC = "this metric was not among those that were asked for"
DELTA = "\N{GREEK CAPITAL LETTER DELTA}"


def metric_columns(evaluations: Iterable[Evaluation], also: Iterable[str] = ()) -> dict[str, Column]:
    """A column for each metric that was measured, or would have been if it had been available.

    Args:
        evaluations: What was measured.
        also: More metrics of the paper.
    """
    columns: dict[str, Column] = {}
    unavailable: dict[str, None] = {}
    for evaluation in evaluations:
        unavailable |= dict.fromkeys(evaluation.unavailable)
        for name in evaluation.metrics:
            if name not in columns:
                protocol = evaluation.protocols.get(name, {})
                title = str(protocol.get("metric", paper.METRICS.get(name, name)))
                own = f"{title}-Y" if name.endswith("_y") else title
                better = protocol.get("higher_is_better", paper.HIGHER_IS_BETTER.get(name))
                columns[name] = Column(own, protocol.get("unit", ""), better, str(protocol.get("variant", "")))
    for name in (*unavailable, *also):
        columns.setdefault(name, Column(paper.METRICS.get(name, name), "", paper.HIGHER_IS_BETTER.get(name)))
    return columns


def quality_table(images: Images, others: Sequence[Evaluation] = ()) -> Table:
    """Objective quality of all that was evaluated on the same images: Tab. 3.

    Args:
        images: What was evaluated.
        others: Evaluations of the same images at all qualities.
    """
    told, evaluations = differences(images.evaluations), images.evaluations
    # Another encoder's are the nearest that there is without building the paper's.
    near = {one.short for one in told} <= {"other encoder"}
    columns = metric_columns(evaluations, paper.METRICS if near else ())
    figures = [paper.OBJECTIVE_QUALITY.get(name, {}) for name in columns]

    def row(label: str, subject: Subject | None, group: Group | None, members: Sequence[Evaluation]) -> Row:
        apart = [*told, *(training_differences(group, members) if group else [])]
        cells: list[Cell] = []
        for name, of_metric in zip(columns, figures, strict=True):
            measured = [one for one in members if value_of(one, name, restored=False) is not None]
            own = members if group else measured[:1] or members[:1]
            cells.append(metric_cell(name, own, group is not None, of_metric.get(subject) if subject else None, apart))
        return Row(label, cells, competes=group is not None)

    rows = [row(paper.COMPRESSED, Subject(paper.COMPRESSED), None, evaluations)]
    rows += [row(group.label, group.subject, group, members) for group, members in images.groups.items()]
    missing = {**dict.fromkeys(paper.ROWS if near else (), NOT_EVALUATED), **images.absent}
    rows += absent_rows(missing, images.groups, len(columns), figures if near else (), in_short(told))
    notes = [compared("Tab. 3", told), *encoder_notes(images.condition, others), *[paper.CROPS] * near]
    return Table(
        file_name("quality", images.label),
        f"Objective quality: {images.label}",
        ["method"],
        list(columns.values()),
        rows,
        [*notes, *otherwise(images.groups)],
    )


def absent_rows(
    absent: Mapping[Subject, str],
    groups: Iterable[Group],
    columns: int,
    figures: Sequence[Mapping[Subject, str]] = (),
    unlike: str = "",
) -> list[Row]:
    """Empty rows that say why there is nothing in them.

    Args:
        absent: Subject → the reason; those that are there are left out.
        groups: What is there.
        columns: How many cells a row has.
        figures: The paper's, of each column by subject; by default none.
        unlike: In what these are of something else.
    """
    printed = figures or [dict[Subject, str]()] * columns
    there = {group.subject for group in groups if not group.trained_for}
    missing = sorted(absent.keys() - there, key=lambda subject: (subject.order, subject.name))
    return [
        Row(one.name, [cell_of(None, absent[one], paper=of.get(one), unlike=unlike) for of in printed])
        for one in missing
    ]


def metric_cell(
    name: str, members: Sequence[Evaluation], restored: bool, figure: str | None, apart: Sequence[Unlike]
) -> Cell:
    """The mean of a metric over the seeds of a group, or over none.

    Args:
        name: Of the metric.
        members: The seeds.
        restored: Whether it is of the restored images, or of the compressed ones.
        figure: The paper's.
        apart: In what that is of something else.
    """
    unlike = in_short([*apart, *metric_differences(name, members)]) if figure else ""
    found = [value for member in members if (value := value_of(member, name, restored)) is not None]
    if not found:
        return cell_of(None, why_missing(name, members), paper=figure, unlike=unlike)
    if infinite := [value for value in found if not math.isfinite(value)]:
        return cell_of(None, f"not finite ({infinite[0]:g})", paper=figure, unlike=unlike)
    mean = mean_of(found)
    note = seeds(mean) if restored else "the same for all methods"
    interval = members[0].metrics[name].restored_interval if name in members[0].metrics else None
    if len(found) == 1 and restored and interval:
        note += f"; 95 % over images: {interval[0]:.4g} to {interval[1]:.4g}"
    return cell_of(mean, note, paper=figure, unlike=unlike)


def value_of(evaluation: Evaluation, metric: str, restored: bool = True) -> float | None:
    """A metric of the restored or compressed images."""
    measured = evaluation.metrics.get(metric)
    if measured is None:
        return None
    return measured.restored if restored else measured.compressed


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def why_missing(metric: str, members: Sequence[Evaluation]) -> str:
    """Why a metric has no value in any of some evaluations."""
    if not members:
        return NOT_EVALUATED
    return next((m.unavailable[metric] for m in members if metric in m.unavailable), UNKNOWN_METRIC)


def seeds(mean: Mean) -> str:
    """How a mean came about, in words."""
    return f"mean and 95 % t-interval over {mean.size} seeds" if mean.size > 1 else "one run"


def compared(table: str, told: Sequence[Unlike], images: str = paper.IMAGES) -> str:
    """A note on the paper's figures."""
    if told:
        reasons = "; ".join(one.long for one in told)
        return f"The paper's figures ({table}) are of {images}, and not comparable: {reasons}."
    return f"Beside ours are the figures of the paper's {table}, of {images}, and how far ours are from them."


def otherwise(groups: Grouped) -> list[str]:
    """A note where trainings are not as the paper's."""
    found: dict[str, list[str]] = {}
    for group, members in groups.items():
        for one in training_differences(group, members):
            found.setdefault(one.long, []).append(group.label)
    listed = "; ".join(f"{what} ({'; '.join(labels)})" for what, labels in found.items())
    return [f"Trained otherwise than in the paper: {listed}."] if found else []


def encoder_notes(condition: Condition, evaluations: Sequence[Evaluation]) -> list[str]:
    """A note on what x265 makes of a QP of the paper's, by what was measured.

    Args:
        condition: The images.
        evaluations: Of these images at all qualities.
    """
    if condition.codec != "bpg" or not is_x265(condition) or not condition.quality.isdecimal():
        return []
    qp = int(condition.quality)
    nominal = qp if condition.quality in paper.QUALITIES else qp - paper.X265_TAKES
    takes = f"x265 takes {paper.X265_TAKES} off the QP of a still picture, JCT-VC, the paper's encoder, nothing"
    if str(nominal) not in paper.QUALITIES:
        return [f"{takes}: QP {qp} here is QP {max(0, qp - paper.X265_TAKES)} there."]
    nearest = nominal + paper.X265_TAKES
    words = f"{takes}: nearest to the paper's QP {nominal} is QP {nearest} here, and QP {nominal} is so in name only."
    found = [measured(at, evaluations) for at in (nominal, nearest)]
    return [f"{words} Compressed images measured here: {'; '.join(found)}."]


def measured(qp: int, evaluations: Sequence[Evaluation]) -> str:
    """PSNR and rate of compressed images of a QP, in words."""
    some = [one for one in evaluations if one.condition.quality == str(qp)]
    if not some:
        return f"QP {qp} not evaluated"
    values = [value for one in some if is_number(value := value_of(one, "psnr", restored=False))]
    psnr = f"{values[0]:.2f} dB at " if values else ""
    return f"QP {qp} {psnr}{some[0].bits_per_pixel.mean:.3f} bits per pixel"


def ablation_table(images: Images) -> Table | None:
    """What each mitigation brings: Tab. 5; None where no adversarial baseline was evaluated."""
    told, groups = differences(images.evaluations_of_groups), images.groups
    adversarial = {
        group: members
        for group, members in groups.items()
        if group.subject and group.subject.baseline in paper.ADVERSARIAL
    }
    measured = metric_columns([member for members in adversarial.values() for member in members])
    columns = {name: column for name, column in measured.items() if name in paper.ABLATION}
    if not columns:
        return None
    rows: list[Row] = []
    for subject in (Subject(baseline, method) for baseline in paper.ADVERSARIAL for method in paper.METHODS):
        if not any(group.subject and group.subject.baseline == subject.baseline for group in adversarial):
            continue
        own = [group for group in adversarial if group.subject == subject] or [Group(subject.name, subject)]
        for group in own:
            members = groups.get(group, [])
            apart = [*told, *training_differences(group, members)]
            cells: list[Cell] = []
            for name in columns:
                cell = metric_cell(name, members, True, paper.ABLATION[name].get(subject), apart)
                if not members:
                    cell = cell._replace(note=images.absent.get(subject, NOT_EVALUATED))
                cells += [cell, gain_cell(name, group, cell, groups)]
            rows.append(Row(group.label, cells))
    return Table(
        file_name("ablation", images.label),
        f"What each mitigation brings: {images.label}",
        ["method"],
        [each for own in columns.values() for each in (own, own._replace(name=f"{DELTA} {own.name}"))],
        rows,
        [f"{DELTA} is the difference from vanilla, over common seeds where there are any.", compared("Tab. 5", told)],
    )


def gain_cell(name: str, group: Group, own: Cell, groups: Grouped) -> Cell:
    """Difference of a method from vanilla, in a metric.

    Args:
        name: Of the metric.
        group: Of the method.
        own: Cell of its value.
        groups: All that was evaluated.
    """
    if group.subject is None or group.subject.method == "vanilla":
        return Cell(note="what the others are compared with")
    figure, vanilla = paper.ABLATION_GAIN[name][group.subject], counterpart(group, groups)
    if own.value is None or len(vanilla) != 1:
        alike = f"{len(vanilla)} vanilla trainings are like it in all else; expected one"
        return Cell(note=own.note if own.value is None else alike, paper=figure, unlike=own.unlike)
    pairs = paired_values(groups[group], groups[vanilla[0]], lambda evaluation: value_of(evaluation, name))
    if pairs:
        mean = mean_of([one - other for one, other in pairs.values()])
        note = f"over {len(pairs)} seeds that both have" if len(pairs) > 1 else "one seed"
    else:
        base = [value for member in groups[vanilla[0]] if is_number(value := value_of(member, name))]
        if not base:
            return Cell(note="vanilla was not measured", paper=figure, unlike=own.unlike)
        mean, note = Mean(own.value - mean_of(base).value, None, 1), "of means: no seed is the same"
    return cell_of(mean, note, digits=own.digits, has_sign=True, paper=figure, unlike=own.unlike)


def paired_values(
    one: Iterable[Evaluation], other: Iterable[Evaluation], value: Callable[[Evaluation], float | None]
) -> dict[int, tuple[float, float]]:
    """Values of two groups by the seeds that both have."""
    first, second = (
        {member.seed: found for member in members if member.seed is not None and is_number(found := value(member))}
        for members in (one, other)
    )
    return {seed: (first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())}
