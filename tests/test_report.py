import csv
import json
import shutil
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from biasgan import evaluate, report
from biasgan.reporting.search import patterns_in

from .conftest import Command, Finished
from .reporting.made import TRAINED, make_evaluation, make_sweep


@pytest.fixture
def reporting(command: Command) -> Command:
    """Runs the reporting command in an empty folder."""
    return partial(command, main=report.main)


def test_a_page_with_tables_and_figures_is_left(reporting: Command, tmp_path: Path) -> None:
    make_sweep(tmp_path / "outputs", methods=("vanilla", "full"), qualities=(32, 37, 42, 47), seeds=(0, 1))
    make_evaluation(tmp_path / "evaluations" / "theirs", None)
    done = reporting("--runs", "outputs", "evaluations")
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
    done = reporting("--runs", "runs", "--out", "some/where")
    assert done.status == 0
    assert done.out == (
        "left out: runs/bad/evaluation.json: quality must be a number or a text; got None.\nsome/where/report.html\n"
    )
    page = (tmp_path / "some" / "where" / "report.html").read_text()
    assert "runs/bad/evaluation.json: quality must be a number or a text; got None." in page


def test_what_is_wrong_is_said_and_nothing_is_left(reporting: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, text in (
        (
            (
                "--runs",
                "empty",
            ),
            "empty has no evaluation.json in it; expected folders of evaluated runs.",
        ),
        (
            (
                "--runs",
                "empty",
                "none",
            ),
            "empty has no evaluation.json",
        ),
    ):
        done = reporting(*arguments)
        assert done.status == 1
        assert done.err.strip().startswith(f"error: {text}")
    for arguments, text in (
        ((), "the following arguments are required: --runs"),
        (("--run", "empty"), "the following arguments are required: --runs"),
        (("runs=empty,none", "out=there"), "write: biasgan report --runs empty,none --out there"),
    ):
        done = reporting(*arguments)
        assert done.status == 2
        assert done.err.endswith(f"{text}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_folders_of_sweeps_may_have_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "method=full,seed=1").mkdir()
    assert patterns_in("method=full,seed=1") == ["method=full,seed=1"]
    assert patterns_in("*,seed=1") == ["*,seed=1"]
    assert patterns_in("a*,b") == ["a*", "b"]


def test_help(reporting: Command) -> None:
    done = reporting("--help")
    assert done.status == 0
    assert "biasgan report --runs outputs" in done.out


def test_a_report_removes_what_an_earlier_one_left_and_nothing_else(reporting: Command, tmp_path: Path) -> None:
    make_sweep(tmp_path / "one", methods=("full",))
    make_sweep(tmp_path / "other", methods=("full",), qualities=(42,))
    assert reporting("--runs", "one").status == 0
    first = {path.relative_to(tmp_path / "report").as_posix() for path in (tmp_path / "report").rglob("*.*")}
    (tmp_path / "report" / "tables" / "mine.csv").touch()
    assert reporting("--runs", "other").status == 0
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
    done = reporting("--runs", "runs")
    assert done.out == "left out: runs/bad: its training failed: no memory is left.\nreport/report.html\n"
    with (tmp_path / "report" / "tables" / "quality-div2k-valid-bpg-37.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "ESRGAN, full"]
    assert {row["note"] for row in rows} == {"its training failed: no memory is left"}
    assert {row["value"] for row in rows} == {""}


def test_a_run_at_another_quality_and_a_repeated_one_are_told(reporting: Command, tmp_path: Path) -> None:
    config = {"training": {"layers": {"conv1_2": 1.0}}}
    trained = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": 37, **TRAINED}
    make_sweep(tmp_path / "runs", methods=("full",), qualities=(32, 37), config=config)
    subject = {"kind": "run", "name": "again", "path": "again", "sha256": "1"}
    make_evaluation(tmp_path / "runs" / "again", config=config, subject=subject, date="2026-01-01")
    make_evaluation(tmp_path / "runs" / "cross", quality=32, config=config, training=trained, subject=subject)
    done = reporting("--runs", "runs")
    assert done.out == (
        "left out: runs/again/evaluation.json: of the configuration and seed of "
        "runs/realesrgan-full-37-0/evaluation.json, so no further seed.\nreport/report.html\n"
    )
    with (tmp_path / "report" / "tables" / "quality-div2k-valid-bpg-32.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file) if row["column"] == "PSNR" and row["value"]}
    assert rows.keys() == {"compressed", "Real-ESRGAN, full", "Real-ESRGAN, full (trained for bpg 37)"}
    assert rows["Real-ESRGAN, full (trained for bpg 37)"]["unlike"] == "other quality, training"
    assert rows["Real-ESRGAN, full"]["unlike"] == "other quality"


def test_a_real_run_is_reported_by_its_configuration(
    command: Command, reporting: Command, finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    """Its evaluation at its own quality, at another, and one of another weight, all by the real writers."""
    run = Path(shutil.copytree(finished.folder, tmp_path / "runs" / "run"))
    for more in ((), ("qf=10",)):
        done = command(f"run={run}", "accelerator=cpu", "pictures=0", *more, main=evaluate.main)
        assert done.status == 0, done.err
    result = json.loads((run / "evaluation.json").read_text())
    result["config"]["callbacks"]["divergence_regularizer"]["weight"] = 1
    result["config"]["seed"] = result["training"]["seed"] = 1
    result["subject"]["sha256"] = "1"
    other = tmp_path / "runs" / "other"
    other.mkdir()
    (other / "evaluation.json").write_text(json.dumps(result))
    assert reporting("--runs", "runs").status == 0
    tables = {file.stem: file for file in (tmp_path / "report" / "tables").glob("*.csv")}
    methods: dict[str, set[str]] = {}
    for name, file in tables.items():
        with file.open() as opened:
            methods[name] = {row["method"] for row in csv.DictReader(opened) if "method" in row} - {"compressed"}
    weight, name = "\N{GREEK SMALL LETTER LAMDA}", f"quality-{pictures.name}-jpeg"
    own = {f"Real-ESRGAN, full ({weight} {value})" for value in ("0.1", "1")}
    cross = {f"Real-ESRGAN, full ({weight} 0.1, trained for jpeg 20)"}
    assert (methods[f"{name}-20"], methods[f"{name}-10"], methods["configurations"]) == (own, cross, own | cross)
