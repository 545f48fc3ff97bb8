import csv
import math
from pathlib import Path

import pytest

from biasgan.evaluation.table import NO_PARQUET, can_write_parquet, write_csv, write_parquet

ROWS = [
    {"name": "größe, 1", "height": 48, "bits_per_pixel": 0.1 + 0.2, "psnr_restored": 31.25},
    {"name": "2", "height": 50, "bits_per_pixel": 0.5, "psnr_restored": math.inf},
]


def test_csv_has_a_row_for_each_image(tmp_path: Path) -> None:
    write_csv(ROWS, tmp_path / "evaluation.csv")
    with (tmp_path / "evaluation.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [
        {**row, **{key: float(row[key]) for key in list(row)[2:]}, "height": int(row["height"])} for row in read
    ] == ROWS


def test_parquet_has_the_same_rows_or_says_what_it_needs(tmp_path: Path) -> None:
    if not can_write_parquet():
        with pytest.raises(ImportError) as caught:
            write_parquet(ROWS, tmp_path / "evaluation.parquet")
        assert str(caught.value) == NO_PARQUET
        return
    from pyarrow import parquet

    write_parquet(ROWS, tmp_path / "evaluation.parquet")
    assert parquet.read_table(tmp_path / "evaluation.parquet").to_pylist() == ROWS
    assert [file.name for file in tmp_path.iterdir()] == ["evaluation.parquet"]
