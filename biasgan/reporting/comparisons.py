"""Whether methods differ by more than chance."""

import math
from collections.abc import Iterator, Sequence

from biasgan.evaluation.result import Evaluation
from biasgan.reporting.bias import DEVIATIONS, DISPARITIES
from biasgan.reporting.groups import Images, counterpart
from biasgan.reporting.statistics import Paired, paired_test
from biasgan.reporting.table import Cell, Column, Row, Table, decimals
from biasgan.reporting.tables import metric_columns, paired_values, value_of, why_missing

NO_PAIRS = "neither two common seeds nor values of the same images"
FEW_SEEDS = "fewer than two common seeds, and it has no values of single images"
P = "p is that of a paired t-test, both sides: small values speak against chance."

Tested = tuple[Paired, str]
"""A test, and what was paired in words."""


def comparison_table(images: Sequence[Images]) -> Table | None:
    """Paired tests of each method against the vanilla training that is like it; None where there is nothing to compare.

    Over the seeds that both have, or over the images where there is one seed. Realism is not tested, for each run's
    own discriminator gives it.

    Args:
        images: What was evaluated on which images.
    """
    rows = [row for some in images for row in comparisons(some)]
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


def comparisons(images: Images) -> Iterator[Row]:
    """A row for each method that has a vanilla training to be held against, and each metric."""
    for group, members in images.groups.items():
        (reference,) = counterpart(group, images.groups)[:1] or (group,)
        if group.subject == reference.subject:
            continue
        against, label = images.groups[reference], f"{group.label} \N{MINUS SIGN} {reference.label}"
        for name, column in metric_columns([*members, *against]).items():
            tested = compare(members, against, name)
            yield row_of(label, column, images.label, tested, why_untested(name, members, against))
        for measure in (*DEVIATIONS, *DISPARITIES):
            if any(measure.of(member) is not None for member in (*members, *against)):
                tested = by_pairs(list(paired_values(members, against, measure.of).values()), "seeds")
                yield row_of(label, measure.column, images.label, tested, FEW_SEEDS)


def row_of(label: str, column: Column, images: str, tested: Tested | None, reason: str) -> Row:
    """A row of a test, or of the reason why there is none."""
    words = [column.title, images]
    if tested is None:
        return Row(label, [Cell(note=reason), Cell(note=reason)], [*words, "none"])
    test, pairs = tested
    digits = decimals(test.difference.value, 3)
    difference = Cell(test.difference.value, digits, True, test.difference.half_width, note=pairs)
    p = Cell(note="all differences are equal") if math.isnan(test.p) else Cell(test.p, 4, note=pairs)
    return Row(label, [difference, p], [*words, pairs])


def compare(one: Sequence[Evaluation], other: Sequence[Evaluation], metric: str) -> Tested | None:
    """Test whether a metric differs between two groups; None where nothing can be paired."""
    seeds = list(paired_values(one, other, lambda evaluation: value_of(evaluation, metric)).values())
    return by_pairs(seeds, "seeds") or by_pairs(paired_by_image(one[0], other[0], metric), "images")


def by_pairs(pairs: Sequence[tuple[float, float]], what: str) -> Tested | None:
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


def paired_by_image(one: Evaluation, other: Evaluation, metric: str) -> list[tuple[float, float]]:
    """Values of the images that both have."""
    column = f"{metric}_restored"
    both = (
        (row.get(column), other.images[name].get(column)) for name, row in one.images.items() if name in other.images
    )
    pairs = [(float(first), float(second)) for first, second in both if first and second]
    return [pair for pair in pairs if all(map(math.isfinite, pair))]
