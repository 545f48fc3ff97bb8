import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from biasgan.analysis.figures import MINUS, signed
from biasgan.io.checksums import sha256
from biasgan.reporting.statistics import Mean

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
DOUBT = "*"
"""Behind a number that is to be doubted."""
LONGEST = 80
"""Characters of a file's name, before the hash that a longer one ends in."""


class Cell(NamedTuple):
    """A number of a table, or nothing with the reason."""

    value: float | None = None
    digits: int = 2
    """Decimals."""
    has_sign: bool = False
    half_width: float | None = None
    """Of the interval of the mean over seeds."""
    paper: str | None = None
    """The paper's own figure, as printed."""
    unlike: str = ""
    """In what the paper's figure is of something else; empty where the difference from it means something."""
    note: str = ""
    """Why it is empty, or how it came about; for whoever asks."""
    doubtful: bool = False
    """Whether the note gives a reason to doubt it."""

    @property
    def text(self) -> str:
        """The number as it is shown; empty where there is none."""
        return "" if self.value is None else self.said(self.value) + DOUBT * self.doubtful

    @property
    def told(self) -> str:
        """All that is to be known about it, in words."""
        apart = f"the paper's figure is not comparable: {self.unlike}" if self.paper and self.unlike else ""
        return "; ".join(part for part in (self.note, apart) if part)

    @property
    def half_width_text(self) -> str:
        """What is added to the number."""
        return "" if self.half_width is None else f"{PLUS_MINUS} {self.half_width:.{self.digits}f}"

    @property
    def paper_text(self) -> str:
        """The paper's figure as it is shown."""
        return "" if self.paper is None else self.paper.replace("-", MINUS)

    @property
    def difference(self) -> float | None:
        """By how much the number is larger than the paper's, where that can be compared."""
        return None if self.value is None or self.paper is None or self.unlike else self.value - float(self.paper)

    @property
    def difference_text(self) -> str:
        """The difference with its sign."""
        return "" if self.difference is None else signed(self.difference, self.digits)

    def said(self, number: float) -> str:
        """A number as this cell shows it; one without a sign is never rounded to nothing."""
        if 0 < number < 0.5 * 10**-self.digits and not self.has_sign:
            return f"< {10**-self.digits:.{self.digits}f}"
        return signed(number, self.digits) if self.has_sign else f"{number:,.{self.digits}f}"


class Column(NamedTuple):
    """What a column of numbers is."""

    name: str
    unit: str = ""
    higher_is_better: bool | None = None
    """None where neither is."""
    note: str = ""

    @property
    def arrow(self) -> str:
        """Where better is."""
        return {True: "\N{UPWARDS ARROW}", False: "\N{DOWNWARDS ARROW}", None: ""}[self.higher_is_better]

    @property
    def title(self) -> str:
        """Name, unit and direction."""
        return " ".join(part for part in (self.name, f"({self.unit})" if self.unit else "", self.arrow) if part)


class Row(NamedTuple):
    """A row of numbers with its name, and words on it where a table has columns for them."""

    label: str
    cells: Sequence[Cell]
    words: Sequence[str] = ()
    competes: bool = True
    """Whether its numbers can be the best of a column; those of compressed images cannot."""


class Table(NamedTuple):
    """A table that is shown on the page and written as CSV and LaTeX."""

    name: str
    """Of its files, without ending."""
    title: str
    heads: Sequence[str]
    """Names of the columns of words, that of the labels first."""
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    @property
    def has_values(self) -> bool:
        """Whether there is any number of ours in it."""
        return any(cell.value is not None for row in self.rows for cell in row.cells)

    def is_best(self, row: Row, number: int) -> bool:
        """Whether the cell of a column is the best of several."""
        better, cell = self.columns[number].higher_is_better, row.cells[number]
        others = [other.cells[number].value for other in self.rows if other.competes]
        values = [value for value in others if value is not None]
        if better is None or cell.value is None or not row.competes or len(values) < 2:
            return False
        return cell.value == (max(values) if better else min(values))


def cell_of(
    mean: Mean | None,
    note: str,
    *,
    digits: int | None = None,
    has_sign: bool = False,
    paper: str | None = None,
    unlike: str = "",
) -> Cell:
    """A cell with a mean over seeds.

    Args:
        mean: None where there is none; what is not finite counts as none.
        note: How it came about, or why there is none.
        digits: Decimals; by default as many as make four digits.
        has_sign: Whether a plus is written.
        paper: The paper's figure.
        unlike: In what that is of something else.
    """
    if mean is None or not math.isfinite(mean.value):
        reason = note if mean is None else f"not finite ({mean.value:g})"
        return Cell(paper=paper, unlike=unlike, note=reason, has_sign=has_sign)
    digits = decimals(mean.value) if digits is None else digits
    return Cell(mean.value, digits, has_sign, mean.half_width, paper, unlike, note)


def decimals(value: float, digits: int = 4) -> int:
    """How many decimals a number has that is written with about so many digits."""
    if value == 0:
        return digits - 1
    # Columns of numbers about 0.1 would be ragged otherwise.
    most = 4 if abs(value) >= 0.01 else 6
    return max(0, min(most, digits - 1 - math.floor(math.log10(abs(value)))))


def file_name(*parts: str) -> str:
    """A name of a file out of words: letters, digits, points and hyphens, not too many of them."""
    name = "-".join(word for part in parts if (word := re.sub(r"[^\w.]+", "-", part.lower()).strip("-.")))
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}-{sha256(name.encode())[:8]}"
