import csv
import io
from collections.abc import Sequence

from biasgan.reporting.evaluations import Evaluation
from biasgan.reporting.table import Cell, Column, Table


def table_as_csv(table: Table) -> str:
    """A table with one line a number: what it is, ours unrounded, the paper's, why there is none; or words alone."""
    heads = [*table.heads, "column", "unit", "value", "half_width", "paper", "difference", "unlike", "note"]
    lines = [
        [
            *(row.label, *row.words, column.name, column.unit),
            *(cell.value, cell.half_width, cell.paper, cell.difference, cell.unlike if cell.paper else "", cell.note),
        ]
        for row in table.rows
        for column, cell in zip(table.columns or [Column("")], row.cells or [Cell()], strict=True)
    ]
    return _written(heads, lines)


def results_as_csv(evaluations: Sequence[Evaluation]) -> str:
    """All metrics of all evaluations, one line each."""
    heads = ["name", "kind", "baseline", "method", "scale", "seed", "set", "images", "codec", "quality"]
    heads += ["bits_per_pixel", "metric", "compressed", "restored", "restored_low", "restored_high", "why_missing"]
    heads += ["sha256", "file"]
    lines: list[Sequence[object]] = []
    for one in evaluations:
        about = [one.name, one.kind, *(one.chosen.get(name) for name in ("baseline", "method", "scale")), one.seed]
        at = one.condition
        about += [at.set_name, at.images, at.codec, at.quality, one.bits_per_pixel]
        end = [one.sha256, one.file]
        for name, measured in one.metrics.items():
            interval = measured.restored_interval or (None, None)
            lines.append([*about, name, measured.compressed, measured.restored, *interval, None, *end])
        lines += [[*about, name, *4 * [None], reason, *end] for name, reason in one.unavailable.items()]
    return _written(heads, lines)


def _written(heads: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()
