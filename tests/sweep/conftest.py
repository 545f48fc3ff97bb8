import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import Command, Done, tiny

ROOT = Path(__file__).parents[2]
Sweep = Callable[..., Done]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(pictures: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a sweep of tiny trainings as a user does, in an empty folder; a test that fails leaves none behind."""
    processes: list[subprocess.Popen[str]] = []

    def start(*options: str) -> "subprocess.Popen[str]":
        flags = [option for option in options if option.startswith("-")]
        rest = [option for option in options if option not in flags]
        process = subprocess.Popen(
            [sys.executable, "-m", "biasgan.train", *flags, *tiny(pictures, *rest)],
            cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "BIASGAN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
            process.communicate()


@pytest.fixture
def sweep(command: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Runs a sweep of tiny trainings, its jobs alone in processes of their own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def sweep(*options: str) -> Done:
        flags = [option for option in options if option.startswith("-")]
        done = command(*flags, *tiny(pictures, *(option for option in options if option not in flags)))
        assert "Traceback" not in done.out + done.err
        return done

    return sweep
