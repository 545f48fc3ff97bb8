import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from biasgan.reporting.comparisons import comparison_table
from biasgan.reporting.groups import by_images, grouped
from biasgan.reporting.search import find_evaluations
from biasgan.reporting.table import Row, Table

from .made import NO_NIQE, make_evaluation, make_sweep


def comparisons(folder: Path) -> Table | None:
    evaluations = find_evaluations([str(folder)]).evaluations
    return comparison_table(by_images(grouped(evaluations), evaluations))


def row(folder: Path, metric: str) -> Row:
    table = comparisons(folder)
    assert table is not None
    return next(one for one in table.rows if one.words[0].startswith(metric))


def test_several_seeds_are_paired_by_seed(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"), seeds=(0, 1, 2))
    make_evaluation(tmp_path / "more", seed=9)
    values: dict[str, dict[int | None, float]] = {"vanilla": {}, "full": {}}
    for one in find_evaluations([str(tmp_path)]).evaluations:
        values[one.chosen["method"]][one.seed] = one.metrics["psnr"].restored or 0
    expected = stats.ttest_rel(
        *np.array([[values[method][seed] for seed in (0, 1, 2)] for method in ("full", "vanilla")])
    )
    found = row(tmp_path, "PSNR")
    assert found.label == "Real-ESRGAN, full \N{MINUS SIGN} Real-ESRGAN, vanilla"
    assert list(found.words) == ["PSNR (dB) \N{UPWARDS ARROW}", "div2k-valid, bpg 37", "3 seeds"]
    difference, p = found.cells
    assert p.value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert difference.value == pytest.approx((interval.low + interval.high) / 2)
    assert difference.half_width == pytest.approx((interval.high - interval.low) / 2)


def test_one_seed_is_paired_by_image(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"))
    sides: list[list[float]] = []
    for method in ("full", "vanilla"):
        with (tmp_path / f"realesrgan-{method}-37-0" / "evaluation.csv").open() as file:
            sides.append([float(line["psnr_restored"]) for line in csv.DictReader(file)])
    found = row(tmp_path, "PSNR")
    assert found.words[2] == "100 images"
    assert found.cells[0].value == pytest.approx(sum(sides[0]) / 100 - sum(sides[1]) / 100)
    fid = row(tmp_path, "FID")
    assert fid.words[2] == "none"
    assert row(tmp_path, "NIQE").cells[0].note == NO_NIQE
    assert fid.cells[0].note == "neither two common seeds nor values of the same images"


def test_images_are_paired_by_name_and_infinite_values_left_out(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"))
    for method, lines in (
        ("vanilla", "a,1\nb,2\nc,3.5\nd,inf\ne,\nf,6"),
        ("full", "g,7\nd,4\nc,5\nb,3\na,2.5\ne,1"),
    ):
        (tmp_path / f"realesrgan-{method}-37-0" / "evaluation.csv").write_text(f"name,psnr_restored\n{lines}\n")
    found = row(tmp_path, "PSNR")
    assert found.words[2] == "3 images"
    expected = stats.ttest_rel([2.5, 3, 5], [1, 2, 3.5])
    assert found.cells[1].value == pytest.approx(expected.pvalue)


def test_equal_differences_have_no_p(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"))
    for method, lines in (("vanilla", "a,1\nb,2"), ("full", "a,2\nb,3")):
        (tmp_path / f"realesrgan-{method}-37-0" / "evaluation.csv").write_text(f"name,psnr_restored\n{lines}\n")
    difference, p = row(tmp_path, "PSNR").cells
    assert difference.value == 1
    assert (p.value, p.note) == (None, "all differences are equal")


def test_without_vanilla_there_is_nothing_to_compare(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "arcnn"), methods=("full", "conditional"))
    assert comparisons(tmp_path) is None


def test_bias_is_compared_over_seeds(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"))
    alone = row(tmp_path, "deviation by LPIPS")
    assert [cell.note for cell in alone.cells] == [
        "fewer than two common seeds, and it has no values of single images"
    ] * 2
    make_sweep(tmp_path, methods=("vanilla", "full"), seeds=(1, 2))
    values: dict[str, list[float]] = {"vanilla": [], "full": []}
    for one in sorted(find_evaluations([str(tmp_path)]).evaluations, key=lambda one: one.seed or 0):
        values[one.chosen["method"]].append(one.triangles["lpips"].triangle.deviation)
    expected = stats.ttest_rel(values["full"], values["vanilla"])
    found = row(tmp_path, "deviation by LPIPS")
    assert found.words[2] == "3 seeds"
    assert found.cells[1].value == pytest.approx(expected.pvalue)
    table = comparisons(tmp_path)
    assert table is not None
    measures = [one.words[0] for one in table.rows]
    assert measures[-3:] == ["deviation by features (%)", "deviation by LPIPS (%)", "disparity of pixels"]
