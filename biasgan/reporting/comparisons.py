import math
from collections.abc import Iterator, Mapping, Sequence

from biasgan.reporting.bias_table import DEVIATIONS, DISPARITIES
from biasgan.reporting.evaluations import Condition, Evaluation
from biasgan.reporting.groups import Grouped, counterpart
from biasgan.reporting.statistics import Paired, paired_test
from biasgan.reporting.table import Cell, Column, Row, Table, decimals
from biasgan.reporting.tables import metric_columns, paired_values, value_of, why_missing


def comparison_table(conditions: Mapping[Condition, Grouped], labels: Mapping[Condition, str]) -> Table | None:
    """Paired tests of each method against the vanilla training that is like it; None where there is nothing to compare.

    Over the seeds that both have, or over the images where there is one seed. Realism is not tested, for each run's
    own discriminator gives it.

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


NO_PAIRS = "neither two common seeds nor values of the same images"
FEW_SEEDS = "fewer than two common seeds, and it has no values of single images"
P = "p is that of a paired t-test, both sides: small values speak against chance."


def _rows(images: str, groups: Grouped) -> Iterator[Row]:
    for group, members in groups.items():
        (reference,) = counterpart(group, groups)[:1] or (None,)
        if reference is None or group.subject == reference.subject:
            continue
        both = [*members, *groups[reference]]
        tests: list[tuple[Column, tuple[Paired, str] | None, str]] = [
            (column, compare(members, groups[reference], name), why_untested(name, members, groups[reference]))
            for name, column in metric_columns(both).items()
        ]
        for measure in (*DEVIATIONS, *DISPARITIES):
            if any(measure.of(member) is not None for member in both):
                pairs = list(paired_values(members, groups[reference], measure.of).values())
                tests.append((measure.column, by_pairs(pairs, "seeds"), FEW_SEEDS))
        for column, tested, reason in tests:
            words = [column.title, images]
            label = f"{group.label} \N{MINUS SIGN} {reference.label}"
            if tested is None:
                empty = Cell(note=reason)
                yield Row(label, [empty, empty], [*words, "none"])
                continue
            test, pairs = tested
            digits = decimals(test.difference.value, 3)
            p = Cell(note="all differences are equal") if math.isnan(test.p) else Cell(test.p, 4)
            difference = Cell(test.difference.value, digits, True, test.difference.half_width, note=pairs)
            yield Row(label, [difference, p._replace(note=p.note or pairs)], [*words, pairs])


def compare(one: Sequence[Evaluation], other: Sequence[Evaluation], metric: str) -> tuple[Paired, str] | None:
    """Test whether a metric differs between two groups; None where nothing can be paired.

    Returns:
        The test, and what was paired in words.
    """
    seeds = list(paired_values(one, other, lambda evaluation: value_of(evaluation, metric)).values())
    return by_pairs(seeds, "seeds") or by_pairs(_by_image(one[0], other[0], metric), "images")


def by_pairs(pairs: Sequence[tuple[float, float]], what: str) -> tuple[Paired, str] | None:
    """Test some pairs; None where there are fewer than two.

    Returns:
        The test, and how many pairs of what.
    """
    if len(pairs) < 2:
        return None
    firsts, seconds = zip(*pairs, strict=True)
    return paired_test(firsts, seconds), f"{len(pairs)} {what}"


def why_untested(metric: str, one: Sequence[Evaluation], other: Sequence[Evaluation]) -> str:
    """Why there may be nothing to pair: one side was not measured, or else there are no pairs."""
    for side in (one, other):
        if all(value_of(member, metric) is None for member in side):
            return why_missing(metric, side)
    return NO_PAIRS


def _by_image(one: Evaluation, other: Evaluation, metric: str) -> list[tuple[float, float]]:
    """Values of the images that both have."""
    column = f"{metric}_restored"
    rows = [
        (one.images[name].get(column), other.images[name].get(column)) for name in one.images if name in other.images
    ]
    pairs = [(float(first), float(second)) for first, second in rows if first and second]
    return [pair for pair in pairs if all(map(math.isfinite, pair))]
