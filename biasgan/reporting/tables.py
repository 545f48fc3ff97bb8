import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import TypeGuard

from biasgan.analysis.figures import MINUS, signed
from biasgan.analysis.rate_distortion import Curve, Delta, Method, bd_metric, bd_rate
from biasgan.reporting import paper
from biasgan.reporting.evaluations import Condition, Evaluation
from biasgan.reporting.groups import Group, Grouped, counterpart, identity_of, images_of, name_of, set_of
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
from biasgan.reporting.table import DOUBT, Cell, Column, Row, Table, cell_of, decimals, file_name

NOT_EVALUATED = "not evaluated"
UNKNOWN_METRIC = "this metric was not among those that were asked for"


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
        if name not in columns:
            columns[name] = Column(paper.METRICS.get(name, name), "", paper.HIGHER_IS_BETTER.get(name))
    return columns


def quality_table(
    condition: Condition,
    label: str,
    groups: Grouped,
    evaluations: Sequence[Evaluation],
    absent: Mapping[Subject, str] | None = None,
    others: Sequence[Evaluation] = (),
) -> Table:
    """Objective quality of all that was evaluated on the same images: Tab. 3.

    Args:
        condition: The images.
        label: Of the images, for people.
        groups: What was evaluated on them.
        evaluations: The same, with those of compressed images alone.
        absent: Why other trainings were not.
        others: Evaluations of the same images at all qualities.
    """
    told = differences(evaluations)
    # Another encoder's are the nearest that there is without building the paper's.
    near = {one.short for one in told} <= {"other encoder"}
    columns = metric_columns(evaluations, paper.METRICS if near else ())
    figures = paper.OBJECTIVE_QUALITY

    def cell(name: str, members: Sequence[Evaluation], group: Group | None) -> Cell:
        subject = group.subject if group else Subject(paper.COMPRESSED)
        figure = figures.get(name, {}).get(subject) if subject else None
        apart = [*told, *(training_differences(group, members) if group else [])]
        return metric_cell(name, members, group is not None, figure, apart)

    def first(name: str) -> Sequence[Evaluation]:
        measured = [one for one in evaluations if value_of(one, name, restored=False) is not None]
        return measured[:1] or evaluations[:1]

    rows = [
        Row(
            paper.COMPRESSED,
            [cell(name, first(name), None) for name in columns],
            competes=False,
        ),
        *(Row(group.label, [cell(name, own, group) for name in columns]) for group, own in groups.items()),
    ]
    missing = {**dict.fromkeys(paper.ROWS if near else (), NOT_EVALUATED), **(absent or {})}
    beside = [figures.get(name, {}) for name in columns] if near else None
    rows += absent_rows(missing, groups, len(columns), beside, in_short(told))
    return Table(
        file_name("quality", label),
        f"Objective quality: {label}",
        ["method"],
        list(columns.values()),
        rows,
        [compared("Tab. 3", told), *encoder_notes(condition, others), *[paper.CROPS] * near, *otherwise(groups)],
    )


def absent_rows(
    absent: Mapping[Subject, str],
    groups: Iterable[Group],
    columns: int,
    figures: Sequence[Mapping[Subject, str]] | None = None,
    unlike: str = "",
) -> list[Row]:
    """Empty rows that say why there is nothing in them.

    Args:
        absent: Subject → the reason; those that are there are left out.
        groups: What is there.
        columns: How many cells a row has.
        figures: The paper's, of each column by subject.
        unlike: In what these are of something else.
    """
    there = {group.subject for group in groups if not group.trained_for}
    missing = sorted(absent.keys() - there, key=lambda subject: Group(name_of(subject), subject).order)
    return [
        Row(
            name_of(subject),
            [
                cell_of(None, absent[subject], paper=figures[number].get(subject) if figures else None, unlike=unlike)
                for number in range(columns)
            ],
        )
        for subject in missing
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
    return f"QP {qp} {psnr}{some[0].bits_per_pixel:.3f} bits per pixel"


def sweeps(evaluations: Mapping[Condition, Sequence[Evaluation]]) -> dict[str, list[Condition]]:
    """The same images and codec at several qualities, by a label.

    Fingerprints are of compressed images too; so images are the same here if their set, names and sizes are. Images of
    mixed qualities are no point of a curve.

    Args:
        evaluations: By the images that they are of.
    """
    found: dict[tuple[object, ...], list[Condition]] = {}
    for condition, some in evaluations.items():
        if not condition.is_point:
            continue
        names = next((listed for one in some if (listed := names_in(one))), ())
        key = (condition.set_name, condition.images, condition.codec, condition.identity, names)
        found.setdefault(key, []).append(condition)
    labels = [f"{own[0].set_name}, {own[0].codec}" for own in found.values()]
    return {
        label
        if labels.count(label) == 1
        else f"{label} ({images_of(own[0])}, {set_of(own[0])}, {identity_of(own[0])})": own
        for label, own in zip(labels, found.values(), strict=True)
    }


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
        networks = {member.sha256 for member in members if group.trained_for} - {None}
        own = [one for other, some in groups.items() if other != group for one in some if one.sha256 in networks]
        for member in (*members, *own):
            if member.condition in conditions:
                found.setdefault(group, {}).setdefault(member.seed, []).append(member)
    return found


def curve_of(members: Iterable[Evaluation], metric: str, better: bool, restored: bool = True) -> Curve | None:
    """The curve of a metric over evaluations at several qualities; None where it was never measured."""
    points = [(member.bits_per_pixel, value_of(member, metric, restored)) for member in members]
    points = sorted({rate: value for rate, value in points if value is not None}.items())
    return Curve([rate for rate, _ in points], [value for _, value in points], better) if points else None


def bd_rate_table(
    label: str, conditions: Sequence[Condition], groups: Grouped, absent: Mapping[Subject, str] | None = None
) -> Table:
    """Bits at equal quality, against the compressed images: Tab. 4.

    Args:
        label: Of set and codec.
        conditions: All qualities.
        groups: What was evaluated.
        absent: Why other trainings were not.
    """
    members = [one for own in groups.values() for one in own if one.condition in conditions]
    told = differences(members, paper.QUALITIES)
    table = _bd_table(bd_rate, conditions, groups, absent or {}, paper.BD_RATE)
    return table._replace(
        name=file_name("bd-rate", label),
        title=f"BD-rate against the compressed images: {label}",
        columns=[column._replace(unit="%", higher_is_better=False) for column in table.columns],
        notes=[
            "Bits that are saved (negative) or spent (positive) at equal quality.",
            *table.notes,
            compared("Tab. 4", told),
        ],
    )


def bd_metric_table(
    label: str, conditions: Sequence[Condition], groups: Grouped, absent: Mapping[Subject, str] | None = None
) -> Table:
    """Quality at equal bits, against the compressed images.

    Args:
        label: Of set and codec.
        conditions: All qualities.
        groups: What was evaluated.
        absent: Why other trainings were not.
    """
    table = _bd_table(bd_metric, conditions, groups, absent or {}, {})
    return table._replace(
        name=file_name("bd-metric", label),
        title=f"BD-metric against the compressed images: {label}",
        notes=["By how much the metric differs at equal bits.", *table.notes],
    )


def _bd_table(
    measure: Callable[[Curve, Curve, Method], Delta],
    conditions: Sequence[Condition],
    groups: Grouped,
    absent: Mapping[Subject, str],
    figures: Mapping[str, Mapping[Subject, str]],
) -> Table:
    """A Bjøntegaard delta of each metric, of means over images, for each group."""
    percent = measure is bd_rate
    found = by_rate(conditions, groups)
    members = {group: [member for some in seeds.values() for member in some] for group, seeds in found.items()}
    columns = metric_columns([member for some in members.values() for member in some])

    def cell(name: str, group: Group) -> Cell:
        better = columns[name].higher_is_better is not False
        figure = figures.get(name, {}).get(group.subject or Subject(""))
        deltas: dict[Method, list[float]] = {"cubic": [], "pchip": [], "akima": []}
        notes: dict[str, None] = {}
        doubts: dict[str, None] = {}
        for own in found[group].values():
            anchor, test = (curve_of(own, name, better, restored) for restored in (False, True))
            if anchor is None or test is None:
                notes[why_missing(name, own)] = None
                continue
            if (count := len(test.values)) < 4:
                notes[f"{'one quality' if count == 1 else f'{count} qualities'} only: a curve needs four"] = None
                continue
            for method, values in deltas.items():
                delta = measure(anchor, test, method)
                if method == "cubic":
                    notes[f"overlap {delta.overlap:.0f} %"] = None
                    doubts |= dict.fromkeys(delta.flags)
                if not math.isnan(delta.value):
                    values.append(delta.value)
        mean = mean_of(deltas["cubic"]) if deltas["cubic"] else None
        others = [f"by {method} {said(values)}" for method, values in deltas.items() if method != "cubic" and values]
        notes = dict.fromkeys([*([seeds(mean)] if mean else []), *notes, *doubts, *others])
        digits = 1 if percent or not mean else decimals(mean.value, 3)
        note, unlike = "; ".join(notes), in_short(apart(name, members[group], group)) if figure else ""
        shown = cell_of(mean, note, digits=digits, has_sign=True, paper=figure, unlike=unlike)
        return shown._replace(doubtful=bool(doubts and mean))

    def apart(name: str, own: Sequence[Evaluation], group: Group) -> list[Unlike]:
        training = training_differences(group, own)
        return [*differences(own, paper.QUALITIES), *training, *metric_differences(name, own)]

    def said(values: Sequence[float]) -> str:
        return f"{signed(fmean(values), 2)} %" if percent else f"{fmean(values):+.4g}".replace("-", MINUS)

    rows = [Row(group.label, [cell(name, group) for name in columns]) for group in found]
    rows += absent_rows(absent, found, len(columns))
    doubted = any(each.doubtful for row in rows for each in row.cells)
    return Table(
        "", "", ["method"], list(columns.values()), rows,
        [*mixed(conditions, groups),
         "By a cubic polynomial, as in the paper; each cell gives the overlap of the curves, PCHIP and Akima.",
         *[f"{DOUBT} is to be doubted: the curves overlap little, or more bits do not always give a better value."]
         * doubted],
    )  # fmt: skip


def mixed(conditions: Sequence[Condition], groups: Grouped) -> list[str]:
    """A note on what was evaluated on the same set, and is no point of a curve."""
    left_out = [
        f"{group.label} at {member.condition.quality}"
        for group, members in groups.items()
        for member in members
        if not member.condition.is_point and member.condition[:2] == conditions[0][:2]
    ]
    listed = "; ".join(dict.fromkeys(left_out))
    return [f"Left out, since images of mixed or unknown qualities are no point of a curve: {listed}."] * bool(listed)


def ablation_table(
    condition: Condition, label: str, groups: Grouped, absent: Mapping[Subject, str] | None = None
) -> Table | None:
    """What each mitigation brings: Tab. 5; None where no adversarial baseline was evaluated.

    Args:
        condition: The images.
        label: Of the images.
        groups: What was evaluated on them.
        absent: Why other trainings were not.
    """
    told, absent = differences([one for own in groups.values() for one in own]), absent or {}
    by_subject: dict[Subject, list[tuple[Group, Sequence[Evaluation]]]] = {}
    for group, members in groups.items():
        if group.subject and group.subject.baseline in paper.ADVERSARIAL:
            by_subject.setdefault(group.subject, []).append((group, members))
    columns = metric_columns([member for own in by_subject.values() for _, members in own for member in members])
    kept = {name: column for name, column in columns.items() if name in paper.ABLATION}
    rows: list[Row] = []
    for baseline in paper.ADVERSARIAL:
        if not any(subject.baseline == baseline for subject in by_subject):
            continue
        for method in paper.METHODS:
            subject = Subject(baseline, method)
            for group, members in by_subject.get(subject, [(Group(name_of(subject), subject), [])]):
                cells: list[Cell] = []
                for name in kept:
                    apart = [*told, *training_differences(group, members)]
                    own = metric_cell(name, members, True, paper.ABLATION[name].get(subject), apart)
                    if not members:
                        own = own._replace(note=absent.get(subject, NOT_EVALUATED))
                    vanilla = [groups[one] for one in counterpart(group, groups)]
                    cells += [own, _gain(name, subject, own, members, vanilla)]
                rows.append(Row(group.label, cells))
    if not rows or not kept:
        return None
    return Table(
        file_name("ablation", label),
        f"What each mitigation brings: {label}",
        ["method"],
        [
            column
            for own in kept.values()
            for column in (own, own._replace(name=f"\N{GREEK CAPITAL LETTER DELTA} {own.name}"))
        ],
        rows,
        [
            "\N{GREEK CAPITAL LETTER DELTA} is the difference from vanilla, over common seeds where there are any.",
            compared("Tab. 5", told),
        ],
    )


def _gain(
    name: str,
    subject: Subject,
    own: Cell,
    members: Sequence[Evaluation],
    vanilla: Sequence[Sequence[Evaluation]],
) -> Cell:
    """Difference of a method from vanilla."""
    if subject.method == "vanilla":
        return Cell(note="what the others are compared with")
    figure = paper.ABLATION_GAIN[name][subject]
    if own.value is None or len(vanilla) != 1:
        alike = f"{len(vanilla)} vanilla trainings are like it in all else; expected one"
        reason = own.note if own.value is None else alike
        return Cell(note=reason, paper=figure, unlike=own.unlike)
    pairs = paired_values(members, vanilla[0], lambda evaluation: value_of(evaluation, name))
    if pairs:
        mean = mean_of([one - other for one, other in pairs.values()])
        note = f"over {len(pairs)} seeds that both have" if len(pairs) > 1 else "one seed"
    else:
        base = [value for member in vanilla[0] if is_number(value := value_of(member, name))]
        if not base:
            return Cell(note="vanilla was not measured", paper=figure, unlike=own.unlike)
        mean, note = Mean(own.value - mean_of(base).value, None, 1), "of means: no seed is the same"
    return cell_of(mean, note, digits=own.digits, has_sign=True, paper=figure, unlike=own.unlike)


def paired_values(
    one: Iterable[Evaluation], other: Iterable[Evaluation], value: Callable[[Evaluation], float | None]
) -> dict[int, tuple[float, float]]:
    """Values of two groups by the seeds that both have."""
    sides: list[Mapping[int, float]] = []
    for members in (one, other):
        found = {m.seed: v for m in members if m.seed is not None and is_number(v := value(m))}
        sides.append(found)
    return {seed: (sides[0][seed], sides[1][seed]) for seed in sorted(sides[0].keys() & sides[1].keys())}
