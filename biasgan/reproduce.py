"""Take an experiment of the paper from training to report: `python -m biasgan.reproduce table5`."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from biasgan.arguments import read_arguments, read_path
from biasgan.command import plain_errors
from biasgan.options import quoted
from biasgan.reporting.absent import PIXEL_STAGE

PAUSE = 0.1
USAGE = """
Train, evaluate and report an experiment of the paper.

  python -m biasgan.reproduce table5                                                  # a rehearsal of minutes
  python -m biasgan.reproduce table5 scale=paper data=div2k seed=0,1,2 metrics=paper  # the real thing

Experiments:
  table3      seven fidelity baselines, ESRGAN and Real-ESRGAN without and with both mitigations, on BPG of QP 37
  table4      the same on QP 27, 32, 37, 42 and 47
  table5      ESRGAN and Real-ESRGAN without mitigations, with either, and with both
  bias        ESRGAN and Real-ESRGAN without and with both mitigations, on QP 27, 37 and 47
  A rehearsal of table4 has a method of each kind on four qualities, one of bias QP 27 and 47.

KEY=VALUE:
  metrics     what is measured, see python -m biasgan.evaluate --help; by default fast
  out         where a folder EXPERIMENT-SCALE is made for the runs and their report, by default outputs

Everything else goes to the training, see python -m biasgan.train --help. Give other trainings another out=.
It may be stopped at any moment, and the same command goes on there.
"""


def reproduce(experiment: str, options: Sequence[str] = (), metrics: str = "fast", out: str | Path = "outputs") -> Path:
    """Train all that an experiment compares, evaluate it, and report what came out.

    Args:
        experiment: A choice of the group `experiment`.
        options: More for the training.
        metrics: A choice of the group `metrics`, or several as `[fast,paper]`.
        out: Where the folder of the experiment is made.

    Returns:
        The page of the report.

    Raises:
        KeyboardInterrupt: If a step was stopped.
        RuntimeError: If a step failed, which has said why.
    """
    scale = next((option.removeprefix("scale=") for option in reversed(options) if option.startswith("scale=")), "demo")
    folder = Path(out) / f"{experiment}-{scale}"
    run_step("Step 1 of 3", "train", ["-m", f"experiment={experiment}", *options, f"hydra.sweep.dir={quoted(folder)}"])
    runs = finished_runs(folder)
    if not runs:
        raise RuntimeError(f"{folder} has no finished run.")
    if waiting := [run for run in runs if not is_evaluated(run, metrics)]:
        run_step("Step 2 of 3", "evaluate", ["-m", f"run={','.join(map(quoted, waiting))}", f"metrics={metrics}"])
    run_step("Step 3 of 3", "report", [f"runs={folder}", f"out={folder / 'report'}"])
    return folder / "report" / "report.html"


def run_step(step: str, command: str, arguments: Sequence[str]) -> None:
    """Run one of the package's commands in a process of its own, and wait for it to end.

    Raises:
        KeyboardInterrupt: If it was stopped.
        RuntimeError: If it failed.
    """
    words = ["-m", f"biasgan.{command}", *arguments]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{step}: python {shlex.join(words)}", style="bold")
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
    runs = sorted(file.parent for file in folder.rglob("summary.json"))
    return [run for run in runs if not run.name.startswith(PIXEL_STAGE)]


def is_evaluated(run: Path, metrics: str) -> bool:
    """Whether a run was evaluated with some metrics after its training."""
    file = run / "evaluation.json"
    if not file.is_file() or file.stat().st_mtime < (run / "summary.json").stat().st_mtime:
        return False
    return json.loads(file.read_text())["options"].get("metrics") == metrics


def is_option(word: str) -> bool:
    """Whether Hydra takes a word for an option, such as qf=20, or ~callbacks.curves to leave something out."""
    return "=" in word or word.startswith("~")


def main() -> None:
    """Run from the command line."""
    with plain_errors():
        own = [word for word in sys.argv[1:] if word.startswith(("metrics=", "out=")) or not is_option(word)]
        given = read_arguments(own, USAGE, ("experiment",), {"metrics": "fast", "out": "outputs"})
        options = [word for word in sys.argv[1:] if word not in own]
        reproduce(given["experiment"], options, given["metrics"], read_path(given["out"]))


if __name__ == "__main__":
    main()
