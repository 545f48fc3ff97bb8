from pathlib import Path

import pytest

from biasgan.analysis.triangle import deviation
from biasgan.reporting.bias_table import bias_table
from biasgan.reporting.evaluations import find_evaluations
from biasgan.reporting.groups import by_condition, grouped
from biasgan.reporting.table import Cell, Table

from .made import make_evaluation


def bias(folder: Path) -> Table:
    evaluations = find_evaluations([str(folder)]).evaluations
    ((condition, groups),) = by_condition(grouped(evaluations), evaluations).items()
    return bias_table(condition, condition.label, groups)


def row(table: Table, label: str) -> dict[str, Cell]:
    cells = next(one for one in table.rows if one.label == label).cells
    return {column.name: cell for column, cell in zip(table.columns, cells, strict=True)}


def test_deviation_disparity_and_realism_with_the_papers(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "gan")
    make_evaluation(tmp_path / "plain", "arcnn", disparity={}, triangles={})
    table = bias(tmp_path)
    cells = row(table, "Real-ESRGAN, full")
    sides = content["triangles"]["lpips"]
    expected = deviation(sides["compressed_restored"], sides["compressed_original"], sides["restored_original"])
    assert cells["deviation by LPIPS"].value == pytest.approx(expected)
    assert cells["deviation by FID"].note == "no triangle by FID"
    assert cells["disparity of pixels"].value == content["disparity"]["pixels"]["slope"]
    assert cells["disparity of features"].note == "no disparity of features"
    realism = cells["realism of restored"]
    assert (realism.value, realism.paper, realism.comparable) == (content["realism"]["restored"], "0.04", True)
    plain = row(table, "AR-CNN")
    assert plain["realism of original"].note == "no discriminator was there to judge"
    assert [cell.value for cell in plain.values()] == [None] * 8


def test_seeds_are_averaged_and_what_is_not_finite_left_out(tmp_path: Path) -> None:
    flat = {"features": {"compressed_restored": 0, "compressed_original": 0, "restored_original": 0}}
    make_evaluation(tmp_path / "a", seed=0, triangles=flat)
    make_evaluation(tmp_path / "b", seed=1)
    cells = row(bias(tmp_path), "Real-ESRGAN, full")
    assert cells["deviation by features"].note == "one run"
    assert cells["realism of original"].note == "mean and 95 % t-interval over 2 seeds"
    assert cells["realism of original"].value == pytest.approx(0.8)
