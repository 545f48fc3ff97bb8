"""An experiment of the paper, from training to report."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from biasgan.cli.config import CONF, composed, plain
from biasgan.cli.options import quoted
from biasgan.data.sets import ImageSet
from biasgan.runs.build import build
from biasgan.runs.folder import PIXEL_STAGE, RunFolder, runs_in
from biasgan.system.console import say

PAUSE = 0.1
"""Seconds between two looks at a command that runs."""


def reproduce(
    experiment: str,
    options: Sequence[str] = (),
    metrics: str = "fast",
    out: str | Path = "outputs",
    also: str | None = None,
) -> Path:
    """Train all that an experiment compares, evaluate it, and report what came out.

    Args:
        experiment: A choice of the group `experiment`.
        options: More for the training.
        metrics: A choice of the group `metrics`, or several as `[fast,paper]`.
        out: Where the folder of the experiment is made.
        also: Images beside those of the training on which all is evaluated: a choice of the group `data`, or a folder.

    Returns:
        The page of the report.

    Raises:
        FileNotFoundError: If there are no such images.
        KeyboardInterrupt: If a step was stopped.
        RuntimeError: If a step failed, which has said why.
    """
    scale = next((option.removeprefix("scale=") for option in reversed(options) if option.startswith("scale=")), "demo")
    folder = Path(out) / f"{experiment}-{scale}"
    # The images first, since a training may take weeks.
    sets: dict[str | None, list[str]] = {None: [], **(options_of_set(also) if also else {})}
    steps = 2 + len(sets)
    train = ["-m", f"experiment={experiment}", *options, f"hydra.sweep.dir={quoted(folder)}"]
    run_step(f"Step 1 of {steps}", "train", train)
    runs = finished_runs(folder)
    if not runs:
        raise RuntimeError(f"{folder} has no finished run.")
    for number, (name, of_set) in enumerate(sets.items(), 2):
        if waiting := [run for run in runs if not is_evaluated(run, metrics, name)]:
            some = f"run={','.join(map(quoted, waiting))}"
            run_step(f"Step {number} of {steps}", "evaluate", ["-m", some, *of_set, f"metrics={metrics}"])
    run_step(f"Step {steps} of {steps}", "report", ["--runs", f"{folder}", "--out", f"{folder / 'report'}"])
    return folder / "report" / "report.html"


def options_of_set(images: str) -> dict[str | None, list[str]]:
    """What an evaluation must be given to be on some images, by the name of their set in it.

    Args:
        images: A choice of the group `data`, or a folder.

    Raises:
        FileNotFoundError: If they are not there.
        ValueError: If the choice alone does not say which they are, or they were compressed before.
    """
    choice, folder = CONF / "data" / f"{images}.yaml", Path(images).expanduser().absolute()
    options = [f"data={images}"] if choice.is_file() else ["data=images", f"data.root={quoted(folder)}"]
    try:
        config = plain(composed("evaluate", options))
    except ValueError:
        config = dict[str, Any](codec=None)
    if config["codec"] is None:
        raise ValueError(f"--also {images} does not say which images; expected a folder of them, or div2k or flickr2k.")
    build(ImageSet, config["data"])
    return {images if choice.is_file() else folder.resolve().name: options}


def run_step(step: str, command: str, arguments: Sequence[str]) -> None:
    """Run one of the package's commands in a process of its own, and wait for it to end.

    Raises:
        KeyboardInterrupt: If it was stopped.
        RuntimeError: If it failed.
    """
    words = ["-m", f"biasgan.{command}", *arguments]
    say(f"\n{step}: biasgan {shlex.join([command, *arguments])}", style="bold")
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with subprocess.Popen([sys.executable, *words]) as process:
            # What came before the command was there has not reached it.
            for number in (early := asked.copy()):
                process.send_signal(number)
            passed_on = early.count(signal.SIGTERM)
            while process.poll() is None:
                time.sleep(PAUSE)
                # The command may have something to save. Ctrl-C has reached it too.
                while passed_on < asked.count(signal.SIGTERM):
                    process.terminate()
                    passed_on += 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt
    if process.returncode:
        raise RuntimeError(f"{step} ({command}) failed. The same command goes on there.")


def finished_runs(folder: Path) -> list[Path]:
    """The run folders in a folder that went to their end."""
    runs = (run for run in runs_in(folder) if run.is_finished)
    return [run.path for run in runs if not run.path.name.startswith(PIXEL_STAGE)]


def is_evaluated(run: Path, metrics: str, set_name: str | None = None) -> bool:
    """Whether a run was evaluated with some metrics after its training.

    Args:
        run: The run folder.
        metrics: As they were given.
        set_name: Of the images; None for those of the run.
    """
    own = RunFolder(run)
    for file in [own.evaluation, *(run.glob(f"*/{own.evaluation.name}") if set_name else ())]:
        if file.is_file() and file.stat().st_mtime >= own.summary.stat().st_mtime:
            evaluation = json.loads(file.read_text())
            same = set_name in (None, evaluation["set"]["name"])
            if same and evaluation["options"].get("metrics") == metrics:
                return True
    return False
