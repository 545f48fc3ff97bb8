from biasgan.reporting.table import Cell, Table

SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"\N{MINUS SIGN}": "$-$", "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$"},
    **{"<": "$<$", ">": "$>$"},
    **{"\N{UPWARDS ARROW}": r"$\uparrow$", "\N{DOWNWARDS ARROW}": r"$\downarrow$"},
}
"""What LaTeX would read as something else → how it is written."""


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
        cells = [_cell(cell, table.is_best(row, number)) for number, cell in enumerate(row.cells)]
        lines.append(f"{' & '.join([*(escaped(text) for text in (row.label, *row.words)), *cells])} \\\\")
        empty += [
            " ".join(f"% {row.label}, {column.name}: {cell.note}".split())
            for column, cell in zip(table.columns, row.cells, strict=True)
            if cell.value is None and cell.note
        ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", *empty, ""])


def _cell(cell: Cell, best: bool) -> str:
    ours = rf"\textbf{{{escaped(cell.text)}}}" if best else escaped(cell.text)
    apart = f"; {cell.unlike}" if cell.unlike else ""
    parts = [ours, escaped(cell.half_width_text), f"[{escaped(cell.paper_text + apart)}]" if cell.paper_text else ""]
    return " ".join(part for part in parts if part)


def escaped(text: str) -> str:
    """Words as LaTeX prints them."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)
