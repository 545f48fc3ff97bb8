import csv
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
