"""Tables in files."""

import csv
import io
from collections.abc import Sequence

from biasgan.evaluation.result import Evaluation
from biasgan.reporting.table import Cell, Column, Table

SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"\N{MINUS SIGN}": "$-$", "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$"},
    **{"<": "$<$", ">": "$>$"},
    **{"\N{UPWARDS ARROW}": r"$\uparrow$", "\N{DOWNWARDS ARROW}": r"$\downarrow$"},
}
"""What LaTeX would read as something else → how it is written."""


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
    return as_csv(heads, lines)


def results_as_csv(evaluations: Sequence[Evaluation]) -> str:
    """All metrics of all evaluations, one line each."""
    heads = ["name", "kind", "baseline", "method", "scale", "seed", "set", "images", "codec", "quality"]
    heads += ["bits_per_pixel", "metric", "compressed", "restored", "restored_low", "restored_high", "why_missing"]
    heads += ["sha256", "file"]
    lines: list[Sequence[object]] = []
    for one in evaluations:
        about = [
            one.subject.name,
            one.subject.kind,
            *(one.chosen.get(name) for name in ("baseline", "method", "scale")),
            one.seed,
        ]
        at = one.condition
        about += [at.set_name, at.images, at.codec, at.quality, one.bits_per_pixel.mean]
        end = [one.subject.sha256, one.file]
        for name, measured in one.metrics.items():
            interval = measured.restored_interval or (None, None)
            lines.append([*about, name, measured.compressed, measured.restored, *interval, None, *end])
        lines += [[*about, name, *4 * [None], reason, *end] for name, reason in one.unavailable.items()]
    return as_csv(heads, lines)


def table_as_latex(table: Table) -> str:
    """A table for a paper, with booktabs; the best of a column is bold, the paper's own figures are in brackets.

    Why cells are empty stands below in comments.
    """
    heads = [escaped(text) for text in (*table.heads, *(column.title for column in table.columns))]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(' '.join((table.title + '.', *table.notes)))}}}",
        rf"\begin{{tabular}}{{{'l' * len(table.heads)}{'r' * len(table.columns)}}}",
        r"\toprule",
        f"{' & '.join(heads)} \\\\",
        r"\midrule",
    ]
    empty: list[str] = []
    for row in table.rows:
        cells = [cell_as_latex(cell, table.is_best(row, number)) for number, cell in enumerate(row.cells)]
        lines.append(f"{' & '.join([*(escaped(text) for text in (row.label, *row.words)), *cells])} \\\\")
        empty += [
            " ".join(f"% {row.label}, {column.name}: {cell.note}".split())
            for column, cell in zip(table.columns, row.cells, strict=True)
            if cell.value is None and cell.note
        ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", *empty, ""])


def cell_as_latex(cell: Cell, best: bool) -> str:
    """A number with all that is shown beside it."""
    ours = rf"\textbf{{{escaped(cell.text)}}}" if best else escaped(cell.text)
    apart = f"; {cell.unlike}" if cell.unlike else ""
    parts = [ours, escaped(cell.half_width_text), f"[{escaped(cell.paper_text + apart)}]" if cell.paper_text else ""]
    return " ".join(part for part in parts if part)


def escaped(text: str) -> str:
    """Words as LaTeX prints them."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def as_csv(heads: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Lines with a head as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()
