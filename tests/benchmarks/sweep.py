"""What a job of a sweep costs beside its training: `python -m tests.benchmarks.sweep`."""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from ..conftest import call, tiny


def seconds(action: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    """Run tiny trainings in one process, in processes of their own, and as a sweep; print what each takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=4)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["BIASGAN_CACHE"] = f"{scratch}/cache"
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        for number in range(6):
            Image.effect_noise((56, 48), 50).convert("RGB").save(folder / f"{number}.png")
        options = tiny(folder)

        def here(name: str) -> None:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                assert call(*options, f"hydra.run.dir={scratch}/{name}") == 0

        def process(*more: str, flags: Sequence[str] = ()) -> None:
            command = [sys.executable, "-m", "biasgan.train", *flags, *options, *more]
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

        def processes() -> None:
            for number in range(jobs):
                process(f"seed={number}", f"hydra.run.dir={scratch}/alone-{number}")

        here("first")
        one = float(np.mean([seconds(lambda: here("again")) for _ in range(jobs)]))
        alone = seconds(processes) / jobs
        seeds = ",".join(map(str, range(jobs)))
        sweep = seconds(lambda: process(f"seed={seeds}", f"hydra.sweep.dir={scratch}/sweep", flags=["-m"])) / jobs
    table = Table(title=f"a tiny training, mean of {jobs}")
    for column in ("", "seconds", "more"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("in a process that runs already", f"{one:.2f}", "")
    table.add_row("in a process of its own", f"{alone:.2f}", f"{alone - one:+.2f}")
    table.add_row("as a job of a sweep, all that the sweep does shared out", f"{sweep:.2f}", f"{sweep - alone:+.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
