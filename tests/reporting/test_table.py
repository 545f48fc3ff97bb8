import math

import pytest

from biasgan.reporting.statistics import Mean
from biasgan.reporting.table import Cell, Column, Row, Table, cell_of, decimals, file_name

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (30.76, "30.76"),
        (0.12345, "0.1235"),
        (123.456, "123.5"),
        (12345.6, "12,346"),
        (0.00123, "0.001230"),
        (0, "0.000"),
    ],
)
def test_numbers_have_about_four_digits(value: float, text: str) -> None:
    assert cell_of(Mean(value, None, 1), "").text == text


def test_a_cell_says_its_number_its_interval_and_how_far_the_paper_is() -> None:
    cell = cell_of(Mean(-12.34, 1.06, 3), "3 seeds", digits=1, has_sign=True, paper="-11.3")
    assert (cell.text, cell.half_width_text) == (f"{MINUS}12.3", "\N{PLUS-MINUS SIGN} 1.1")
    assert (cell.paper_text, cell.difference_text) == (f"{MINUS}11.3", f"{MINUS}1.0")
    assert cell.difference == pytest.approx(-1.04)
    other = cell._replace(unlike="other set, other scale")
    assert (other.paper_text, other.difference_text) == (f"{MINUS}11.3", "")
    assert (cell.told, other.told) == (
        "3 seeds",
        "3 seeds; the paper's figure is not comparable: other set, other scale",
    )


def test_empty_cells_say_why() -> None:
    empty = cell_of(None, "not evaluated", paper="1.00")
    assert (empty.text, empty.note, empty.paper_text, empty.difference) == ("", "not evaluated", "1.00", None)
    assert cell_of(Mean(math.inf, None, 1), "one run") == Cell(note="not finite (inf)")


def test_nothing_is_rounded_to_nothing_and_doubts_are_marked() -> None:
    assert Cell(3e-9, 4).text == "< 0.0001"
    assert Cell(6e-5, 4).text == "0.0001"
    assert Cell(0, 4).text == "0.0000"
    assert Cell(0.001, 2, True).text == "+0.00"
    assert Cell(-8, 1, True, doubtful=True).text == f"{MINUS}8.0*"
    assert Cell(doubtful=True).text == ""


def test_the_best_of_several_that_compete() -> None:
    columns = [Column("PSNR", "dB", True), Column("FID", "", False), Column("slope")]
    rows = [
        Row("compressed", [Cell(40), Cell(1), Cell(1)], competes=False),
        Row("a", [Cell(30), Cell(10), Cell(1)]),
        Row("b", [Cell(31), Cell(9), Cell(2)]),
        Row("c", [Cell(), Cell(), Cell()]),
    ]
    table = Table("t", "T", ["method"], columns, rows)
    best = [[table.is_best(row, number) for number in range(3)] for row in rows]
    assert best == [[False] * 3, [False] * 3, [True, True, False], [False] * 3]
    assert not table._replace(rows=rows[:2]).is_best(rows[1], 0)
    assert table.has_values
    assert not table._replace(rows=rows[3:]).has_values
    assert [column.title for column in columns] == ["PSNR (dB) \N{UPWARDS ARROW}", "FID \N{DOWNWARDS ARROW}", "slope"]


def test_names_of_files() -> None:
    assert file_name("BD-rate", "DIV2K, bpg 37 (a/b)", "..") == "bd-rate-div2k-bpg-37-a-b"
    assert file_name("写真, jpeg 20") == "写真-jpeg-20"
    long, longer = file_name("a" * 300), file_name("a" * 301)
    assert len(long) < 100
    assert long != longer
    assert decimals(0) == 3
