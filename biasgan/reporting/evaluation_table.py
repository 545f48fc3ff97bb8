from collections.abc import Mapping, Sequence

from biasgan.reporting.evaluations import Condition, Evaluation, part
from biasgan.reporting.table import Cell, Column, Row, Table, decimals

COLUMNS = (
    Column("bits per pixel"),
    Column("parameters"),
    Column("multiply-adds", "per pixel"),
    Column("speed", "megapixels/s"),
)
REASONS = ("", "no network was run", "no network was run", "not timed")
PLACES = ((), ("network", "parameters"), ("network", "multiply_adds_per_pixel"), ("speed", "megapixels_per_second"))


def evaluation_table(evaluations: Sequence[Evaluation], labels: Mapping[Condition, str]) -> Table:
    """All that was evaluated, with its cost.

    Args:
        evaluations: A row each.
        labels: Of the images.
    """

    def row(one: Evaluation) -> Row:
        values = [one.bits_per_pixel, *(part(one.content, *place) for place in PLACES[1:])]
        cells = [
            Cell(float(value), decimals(value, 3)) if isinstance(value, int | float) else Cell(note=reason)
            for value, reason in zip(values, REASONS, strict=True)
        ]
        words = [str(one.chosen.get(name) or "") for name in ("baseline", "method", "scale")]
        seed = "" if one.seed is None else str(one.seed)
        return Row(
            one.name, cells, [*words, seed, labels[one.condition], str(part(one.content, "speed", "device") or "")]
        )

    return Table(
        "evaluations",
        "Evaluations",
        ["name", "baseline", "method", "scale", "seed", "images", "timed on"],
        COLUMNS,
        [row(one) for one in evaluations],
    )
