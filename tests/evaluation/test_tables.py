import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from biasgan.evaluation.result import Evaluation
from biasgan.evaluation.tables import NO_PARQUET, can_write_parquet, remarks, result_table, write_csv, write_parquet
from biasgan.io.weight_files import fetch_command

Made = Callable[..., Evaluation]

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


SIDES = {"compressed_restored": 1, "compressed_original": 2, "restored_original": 2}
CONTENT: dict[str, Any] = {
    "format": 1,
    "subject": {"kind": "run", "name": "some"},
    "set": {"name": "kodak", "images": 24},
    "codec": "bpg",
    "quality": 37,
    "metrics": {
        "psnr": {"compressed": 30.1234, "restored": 31.0, "gain_interval": [0.7, 1.0123]},
        "fid": {"compressed": 9.73, "restored": 7.51, "gain_interval": None},
    },
    "protocols": {"psnr": {"unit": "dB", "higher_is_better": True}, "fid": {"unit": "", "higher_is_better": False}},
    "unavailable": {
        "lpips": f"No weights alexnet, lpips here. {fetch_command('lpips')}",
        "niqe": f"No weights niqe here. {fetch_command('niqe')}",
        "ahiq": "It needs timm",
        "pi": "It needs timm",
    },
    "triangles": {
        "features": {**SIDES, "deviation": -35.678, "deviation_interval": [-40.0, -31.25], "holds": True},
        "fid": {**SIDES, "deviation": 12.0, "deviation_interval": None, "holds": False},
    },
    "realism": {"original": 0.27, "restored": 0.73, "compressed": 0.3},
    "bits_per_pixel": {"mean": 0.31246},
    "speed": {"megapixels_per_second": 12.345},
    "features": {"weights": "imagenet"},
}


@pytest.fixture
def found(tmp_path: Path) -> Made:
    """An evaluation that was read, with some changes on top."""

    def read(**changes: Any) -> Evaluation:  # noqa: ANN401
        (tmp_path / "evaluation.json").write_text(json.dumps({**CONTENT, **changes}))
        return Evaluation.read(tmp_path / "evaluation.json")

    return read


def printed(result: Evaluation) -> str:
    file = io.StringIO()
    Console(file=file, width=80).print(result_table(result))
    return file.getvalue()


def cells(result: Evaluation) -> list[list[str]]:
    lines = printed(result).splitlines()
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if "│" in line]


def test_the_main_numbers_fit_into_a_terminal(found: Made) -> None:
    assert cells(found()) == [
        ["psnr, dB ↑", "30.12", "31", "+0.877", "+0.7 … +1.01"],
        ["fid ↓", "9.73", "7.51", "-2.22", ""],
        ["deviation, features, %", "", "", "-35.7", "-40 … -31.2"],
        ["deviation, fid, %", "", "", "+12.0", ""],
        ["realism; originals 0.27", "0.300", "0.730", "", ""],
        ["bits per pixel", "0.3125", "", "", ""],
        ["megapixels a second", "", "12.3", "", ""],
    ]
    assert "some · kodak · bpg 37" in printed(found())
    assert "24 images" in printed(found())


def test_what_was_not_measured_has_no_row(found: Made) -> None:
    rows = cells(found(realism=None, speed=None, metrics={}))
    assert [row[0] for row in rows] == ["deviation, features, %", "deviation, fid, %", "bits per pixel"]


def test_what_was_measured_on_some_images_says_on_how_many(found: Made) -> None:
    some = {
        "compressed": 0.9,
        "restored": 0.95,
        "gain_interval": None,
        "images": 3,
        "unmeasured": {"a": "4 x 4 pixels"},
    }
    none = {"compressed": math.nan, "restored": math.nan, "gain_interval": None, "images": 0}
    none["unmeasured"] = {"a": "4 x 4 pixels", "b": "5 x 5 pixels"}
    result = found(metrics={"psnr": some, "fid": none})
    assert cells(result)[:2] == [["psnr, dB ↑", "0.9", "0.95", "+0.05", ""], ["fid ↓", "", "", "", ""]]
    assert remarks(result)[:2] == [
        "psnr is that of 3 images: a has 4 x 4 pixels.",
        "fid is that of 0 images: a has 4 x 4 pixels, as 1 more.",
    ]


def test_a_distance_between_small_sets_is_remarked_upon(found: Made) -> None:
    protocols = {"patch_fid": {"metric": "patch FID", "unit": "", "higher_is_better": False}}
    small, large = (found(protocols=protocols, metrics={"patch_fid": {"vectors": n}}) for n in (2047, 2048))
    few = "patch FID of 2047 vectors, fewer than 2048: compare it with values of equally many images only."
    assert remarks(small)[0] == few
    assert remarks(large) == remarks(small)[1:]


def test_remarks_say_what_is_missing_and_how_to_get_it(found: Made) -> None:
    lines = remarks(found())[:3]
    assert lines == [
        "The distances by fid form no triangle: one is longer than the other two together.",
        f"Not measured: lpips, niqe. {fetch_command('lpips niqe')}",
        "Not measured: ahiq, pi. It needs timm",
    ]
    random = found(features={"weights": "random"}, triangles={}, unavailable={})
    assert remarks(random)[0].startswith("Features are those of a VGG-19 with random weights")
