import csv
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from biasgan.io.files import atomic_write

Row = Mapping[str, str | int | float | None]

NO_PARQUET = "evaluation.parquet is not written: pip install 'biasgan[tables]'"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a table as CSV, whole or not at all.

    Args:
        rows: At least one, all with the same columns.
        path: The file.
    """
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def can_write_parquet() -> bool:
    """Whether pyarrow is installed, which is an extra."""
    return find_spec("pyarrow") is not None


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write a table as Parquet, whole or not at all; as `write_csv`.

    Raises:
        ImportError: If pyarrow is not installed.
    """
    if not can_write_parquet():
        raise ImportError(NO_PARQUET)
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    with atomic_write(path) as temporary:
        parquet.write_table(arrow.Table.from_pylist(list(rows)), temporary)
