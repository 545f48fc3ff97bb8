import csv
import json
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from biasgan import report
from biasgan.report import patterns

from .conftest import Command
from .reporting.made import make_evaluation, make_sweep


@pytest.fixture
def reporting(command: Command) -> Command:
    """Runs the reporting command in an empty folder."""
    return partial(command, main=report.main)


def test_a_page_with_tables_and_figures_is_left(reporting: Command, tmp_path: Path) -> None:
    make_sweep(tmp_path / "outputs", methods=("vanilla", "full"), qualities=(32, 37, 42, 47), seeds=(0, 1))
    make_evaluation(tmp_path / "evaluations" / "theirs", None)
    done = reporting("runs=outputs,evaluations")
    assert done == (0, "report/report.html\n", "")
    with (tmp_path / "report" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 17 * 5
    assert {row["name"] for row in rows} == {file.parent.name for file in tmp_path.rglob("evaluation.json")}
    niqe = next(row for row in rows if row["metric"] == "niqe")
    assert (niqe["restored"], niqe["why_missing"][:9]) == ("", "pyiqa is ")
    tables = {file.stem for file in (tmp_path / "report" / "tables").glob("*.csv")}
    assert tables == {file.stem for file in (tmp_path / "report" / "tables").glob("*.tex")}
    assert {
        "quality-div2k-valid-bpg-37",
        "bd-rate-div2k-valid-bpg",
        "ablation-div2k-valid-bpg-37",
        "comparisons",
    } <= tables
    figures = {file.stem for file in (tmp_path / "report" / "figures").glob("*.svg")}
    assert {
        "rate-psnr-div2k-valid-bpg",
        "triangles-lpips-div2k-valid-bpg-37-dark",
        "training-real-esrgan-bpg-37",
    } <= figures
    for name in figures:
        ElementTree.parse(tmp_path / "report" / "figures" / f"{name}.svg")


def test_damaged_evaluations_are_named(reporting: Command, tmp_path: Path) -> None:
    make_evaluation(tmp_path / "runs" / "good")
    make_evaluation(tmp_path / "runs" / "bad", quality=None)
    done = reporting("runs=runs", "out=some/where")
    assert done.status == 0
    assert done.out == (
        "left out: runs/bad/evaluation.json: quality must be a number or a text; got None.\nsome/where/report.html\n"
    )
    page = (tmp_path / "some" / "where" / "report.html").read_text()
    assert "runs/bad/evaluation.json: quality must be a number or a text; got None." in page


def test_what_is_wrong_is_said_and_nothing_is_left(reporting: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, text in (
        ((), "Missing: runs=."),
        (("runs=empty",), "empty has no evaluation.json in it; expected folders of evaluated runs."),
        (("runs=empty,none",), "empty has no evaluation.json"),
        (("run=empty",), "There is no option run=; do you mean runs=?"),
    ):
        done = reporting(*arguments)
        assert done.status == 1
        assert done.err.strip().startswith(f"error: {text}")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_folders_of_sweeps_may_have_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "method=full,seed=1").mkdir()
    assert patterns("method=full,seed=1") == ["method=full,seed=1"]
    assert patterns("*,seed=1") == ["*,seed=1"]
    assert patterns("a*,b") == ["a*", "b"]


def test_help(reporting: Command) -> None:
    done = reporting("--help")
    assert done.status == 0
    assert "python -m biasgan.report runs=outputs" in done.out


def test_a_report_removes_what_an_earlier_one_left_and_nothing_else(reporting: Command, tmp_path: Path) -> None:
    make_sweep(tmp_path / "one", methods=("full",))
    make_sweep(tmp_path / "other", methods=("full",), qualities=(42,))
    assert reporting("runs=one").status == 0
    first = {path.relative_to(tmp_path / "report").as_posix() for path in (tmp_path / "report").rglob("*.*")}
    (tmp_path / "report" / "tables" / "mine.csv").touch()
    assert reporting("runs=other").status == 0
    second = {path.relative_to(tmp_path / "report").as_posix() for path in (tmp_path / "report").rglob("*.*")}
    assert "tables/quality-div2k-valid-bpg-37.csv" in first
    assert not [name for name in second if "bpg-37" in name]
    assert {"tables/quality-div2k-valid-bpg-42.csv", "tables/mine.csv", "tables/comparisons.csv"} & second == {
        "tables/quality-div2k-valid-bpg-42.csv",
        "tables/mine.csv",
    }
    assert len(second) == len(first) + 1


def test_what_was_not_evaluated_is_said(reporting: Command, tmp_path: Path) -> None:
    make_evaluation(tmp_path / "runs" / "good", "esrgan", "vanilla")
    run = tmp_path / "runs" / "bad"
    run.mkdir()
    (run / "config.yaml").write_text("quality: 37\nchosen: {baseline: esrgan, method: full, codec: bpg}\n")
    jobs = [{"folder": str(run), "status": "failed", "error": "no memory is left"}]
    (tmp_path / "runs" / "sweep.json").write_text(json.dumps(jobs))
    done = reporting("runs=runs")
    assert done.out == "left out: runs/bad: its training failed: no memory is left.\nreport/report.html\n"
    with (tmp_path / "report" / "tables" / "quality-div2k-valid-bpg-37.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "ESRGAN, full"]
    assert {row["note"] for row in rows} == {"its training failed: no memory is left"}
    assert {row["value"] for row in rows} == {""}
