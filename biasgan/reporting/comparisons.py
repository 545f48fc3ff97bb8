import math
from collections.abc import Iterator, Mapping, Sequence

from biasgan.reporting.evaluations import Condition, Evaluation
from biasgan.reporting.groups import Group, Grouped
from biasgan.reporting.statistics import Paired, paired_test
from biasgan.reporting.table import Cell, Column, Row, Table, decimals
from biasgan.reporting.tables import metric_columns, paired_values, value_of


def comparison_table(conditions: Mapping[Condition, Grouped], labels: Mapping[Condition, str]) -> Table | None:
    """Paired tests of each method against the vanilla training of its baseline; None where there is nothing to compare.

    Over the seeds that both have, or over the images where there is one seed.

    Args:
        conditions: What was evaluated on which images.
        labels: Of the images.
    """
    rows = [row for condition, groups in conditions.items() for row in _rows(labels[condition], groups)]
    if not rows:
        return None
    return Table(
        "comparisons",
        "Paired tests between methods",
        ["comparison", "metric", "images", "pairs"],
        [Column("difference", note="of means, with the half width of its 95 % interval"), Column("p", note=P)],
        rows,
        [f"{P} Not corrected for the number of comparisons. Over images, a test says nothing on other seeds."],
    )


P = "p is that of a paired t-test, both sides: small values speak against chance."


def _rows(images: str, groups: Grouped) -> Iterator[Row]:
    references: dict[str, Group] = {}
    for group in groups:
        if group.subject and group.subject.method == "vanilla":
            references.setdefault(group.subject.baseline, group)
    for group, members in groups.items():
        reference = references.get(group.subject.baseline) if group.subject else None
        if reference is None or group.subject == reference.subject:
            continue
        for name, column in metric_columns([*members, *groups[reference]]).items():
            words = [column.title, images]
            tested = compare(members, groups[reference], name)
            label = f"{group.label} \N{MINUS SIGN} {reference.label}"
            if tested is None:
                empty = Cell(note="neither two common seeds nor values of the same images")
                yield Row(label, [empty, empty], [*words, "none"])
                continue
            test, pairs = tested
            digits = decimals(test.difference.value, 3)
            p = (
                Cell(note="all differences are equal")
                if math.isnan(test.p)
                else Cell(test.p, 4 if test.p >= 1e-4 else 6)
            )
            difference = Cell(test.difference.value, digits, True, test.difference.half_width, note=pairs)
            yield Row(label, [difference, p._replace(note=p.note or pairs)], [*words, pairs])


def compare(one: Sequence[Evaluation], other: Sequence[Evaluation], metric: str) -> tuple[Paired, str] | None:
    """Test whether a metric differs between two groups; None where nothing can be paired.

    Returns:
        The test, and what was paired in words.
    """
    pairs = list(paired_values(one, other, lambda evaluation: value_of(evaluation, metric)).values())
    what = "seeds"
    if len(pairs) < 2:
        pairs, what = _by_image(one[0], other[0], metric), "images"
    if len(pairs) < 2:
        return None
    firsts, seconds = zip(*pairs, strict=True)
    return paired_test(firsts, seconds), f"{len(pairs)} {what}"


def _by_image(one: Evaluation, other: Evaluation, metric: str) -> list[tuple[float, float]]:
    """Values of the images that both have."""
    column = f"{metric}_restored"
    rows = [
        (one.images[name].get(column), other.images[name].get(column)) for name in one.images if name in other.images
    ]
    pairs = [(float(first), float(second)) for first, second in rows if first and second]
    return [pair for pair in pairs if all(map(math.isfinite, pair))]
