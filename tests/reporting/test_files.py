"""What is written beside the page."""

import csv
import io
import re

from biasgan.reporting.files import escaped, table_as_csv, table_as_latex
from biasgan.reporting.table import Cell, Column, Row, Table

TABLE = Table(
    "quality",
    "Quality: 100 % of a_b",
    ["method", "images"],
    [Column("PSNR", "dB", True), Column("FID", "", False)],
    [
        Row(
            "a & b",
            [Cell(30.123456, 2, half_width=0.0512), Cell(-9.5, 1, True, paper="-9.73")],
            ["x, y"],
        ),
        Row("c", [Cell(29.5, 2), Cell(paper="10.3", unlike="other set", note="not\nevaluated, 100 %")], ["z"]),
    ],
    ["A note."],
)


def test_a_csv_has_a_line_for_each_number_unrounded() -> None:
    rows = list(csv.DictReader(io.StringIO(table_as_csv(TABLE))))
    assert len(rows) == 4
    assert rows[0] == {
        **{"method": "a & b", "images": "x, y", "column": "PSNR", "unit": "dB", "value": "30.123456"},
        **{"half_width": "0.0512", "paper": "", "difference": "", "unlike": "", "note": ""},
    }
    assert float(rows[1]["difference"]) == -9.5 + 9.73
    assert (rows[3]["value"], rows[3]["paper"], rows[3]["note"]) == ("", "10.3", "not\nevaluated, 100 %")
    assert (rows[1]["unlike"], rows[3]["unlike"]) == ("", "other set")


def test_a_csv_of_words_alone_has_a_line_for_each_row() -> None:
    rows = list(
        csv.DictReader(io.StringIO(table_as_csv(Table("t", "T", ["method", "what"], [], [Row("a", [], ["b"])]))))
    )
    assert [(row["method"], row["what"], row["value"]) for row in rows] == [("a", "b", "")]


def test_latex_has_equal_rows_and_reasons_as_comments() -> None:
    text = table_as_latex(TABLE)
    begun, ended = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table", "tabular"]
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [3, 3, 3]
    assert r"\begin{tabular}{llrr}" in text
    assert rows[1] == r"a \& b & x, y & \textbf{30.12} $\pm$ 0.05 & $-$9.5 [$-$9.73] \\"
    assert rows[2] == r"c & z & 29.50 & [10.3; other set] \\"
    assert text.endswith("% c, FID: not evaluated, 100 %\n")
    assert r"\caption{Quality: 100 \% of a\_b. A note.}" in text


def test_what_latex_reads_is_escaped() -> None:
    assert escaped("\\{}$&#_%~^") == r"\textbackslash{}\{\}\$\&\#\_\%\textasciitilde{}\textasciicircum{}"
