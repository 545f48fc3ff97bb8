import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from biasgan import reproduce
from biasgan.cli.options import quoted
from biasgan.sweep.reproduction import finished_runs, is_evaluated

from .conftest import TINY, Command, tiny

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps are processes in another folder, which are to find this package."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_an_experiment_from_training_to_report(command: Command, pictures: Path, tmp_path: Path) -> None:
    options = [*TINY, f"data.root={pictures}", "codec=jpeg", "qf=30", "baseline=realesrgan", "method=full"]
    others = tmp_path / "some others"
    others.mkdir()
    (others / "one.png").write_bytes((pictures / "0.png").read_bytes())
    again = ("bias", "--also", str(others), "--out", "this, and that's it", "--", *options)
    done = command(*again, main=reproduce.main)
    assert done.status == 0, done.err
    folder = tmp_path / "this, and that's it" / "bias-demo"
    (run,) = finished_runs(folder)
    assert json.loads((run / "summary.json").read_text())["iterations"] == 4
    assert is_evaluated(run, "fast")
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert (evaluation["codec"], evaluation["training"]["baseline"]) == ("jpeg", "realesrgan")
    assert (evaluation["quality"], evaluation["set"]["images"]) == (30, 3)
    assert is_evaluated(run, "fast", "some others")
    other = json.loads((run / "some others-jpeg-30" / "evaluation.json").read_text())
    assert (other["quality"], other["set"]["images"]) == (30, 1)
    assert (folder / "report" / "report.html").is_file()
    assert "Real-ESRGAN" in (folder / "report" / "report.html").read_text()
    steps = [line for line in done.out.splitlines() if line.startswith("Step")]
    assert [step.partition(":")[0] for step in steps] == [f"Step {number} of 4" for number in range(1, 5)]
    assert "biasgan train -m experiment=bias" in steps[0]


def test_what_a_step_says_is_not_hidden(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "biasgan.reproduce", "table6"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Could not find 'experiment/table6'" in done.stderr
    assert "table3" in done.stderr
    assert done.stderr.rstrip().endswith("error: Step 1 of 3 (train) failed. The same command goes on there.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_step_and_the_command(tmp_path: Path, number: int) -> None:
    """Ctrl-C comes to both from the terminal, SIGTERM to the command alone."""
    with subprocess.Popen(
        [sys.executable, "-m", "biasgan.reproduce", "table5"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        while not process.stdout.readline().startswith("Step 1 of 3"):
            assert process.poll() is None
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.rstrip().endswith("stopped")
    assert not list(tmp_path.rglob("report"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_step_is_there_is_not_lost(
    command: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Late(subprocess.Popen[bytes]):
        def __init__(self, words: list[str]) -> None:
            signal.raise_signal(number)
            super().__init__(words)

    monkeypatch.setattr(subprocess, "Popen", Late)
    done = command("bias", "--", *tiny(pictures, "iterations=1000000"), main=reproduce.main)
    assert (done.status, done.err.splitlines()[-1]) == (130, "stopped")
    assert not list(Path().rglob("log.csv"))


def test_what_a_sweep_trains_beside_its_runs_is_none_of_them(tmp_path: Path) -> None:
    for name in ("b/1", "a/2", "pixel-stage-0", "unfinished"):
        (tmp_path / name).mkdir(parents=True)
        if name != "unfinished":
            (tmp_path / name / "summary.json").touch()
            (tmp_path / name / "config.yaml").touch()
    assert finished_runs(tmp_path) == [tmp_path / "a" / "2", tmp_path / "b" / "1"]


def test_an_evaluation_counts_if_it_is_of_this_training_and_these_metrics(tmp_path: Path) -> None:
    evaluation, summary = tmp_path / "evaluation.json", tmp_path / "summary.json"
    summary.touch()
    assert not is_evaluated(tmp_path, "fast")
    content = '{"set": {"name": "mine"}, "options": {"run": "run", "metrics": "fast"}}'
    evaluation.write_text(content)
    os.utime(summary, (10, 10))
    os.utime(evaluation, (11, 11))
    assert is_evaluated(tmp_path, "fast")
    assert not is_evaluated(tmp_path, "paper")
    assert is_evaluated(tmp_path, "fast", "mine")
    assert not is_evaluated(tmp_path, "fast", "yours")
    (tmp_path / "yours-jpeg-20").mkdir()
    (tmp_path / "yours-jpeg-20" / "evaluation.json").write_text(content.replace("mine", "yours"))
    assert is_evaluated(tmp_path, "fast", "yours")
    os.utime(summary, (12, 12))
    assert not is_evaluated(tmp_path, "fast")


def test_paths_are_quoted_as_hydra_reads_them() -> None:
    assert quoted(Path("a, b=c")) == "'a, b=c'"
    assert quoted(Path("isn't")) == r"'isn\'t'"


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ("flickr2k", "biasgan prepare data=flickr2k"),
        ("nowhere", "nowhere is not a folder"),
        ("pairs", "--also pairs does not say which images; expected a folder of them, or div2k or flickr2k."),
        ("images", "--also images does not say which images"),
    ],
)
def test_other_images_must_be_there_before_anything_is_trained(command: Command, also: str, message: str) -> None:
    done = command("bias", "--also", also, main=reproduce.main)
    assert (done.status, "Step" in done.out) == (1, False)
    assert message in done.err


def test_the_form_of_former_releases_is_answered_with_that_of_now(command: Command) -> None:
    done = command("table5", "scale=paper", "metrics=[fast,paper]", "also=flickr2k", main=reproduce.main)
    assert (done.status, done.out) == (2, "")
    now = "biasgan reproduce table5 --metrics '[fast,paper]' --also flickr2k -- scale=paper"
    assert done.err == f"biasgan reproduce: error: options are --flags now; write: {now}\n"


def test_help_names_all_experiments(command: Command) -> None:
    done = command("--help", main=reproduce.main)
    assert done.status == 0
    experiments = {file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert {"table3", "table4", "table5", "bias"} <= experiments
    assert all(f"\n  {name} " in done.out for name in ("table3", "table4", "table5", "bias"))
