import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import tiny

ROOT = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(pictures: Path, tmp_path: Path) -> Start:
    """Starts a sweep of tiny trainings as a user does, in an empty folder."""

    def start(*options: str) -> "subprocess.Popen[str]":
        flags = [option for option in options if option.startswith("-")]
        rest = [option for option in options if option not in flags]
        return subprocess.Popen(
            [sys.executable, "-m", "biasgan.train", *flags, *tiny(pictures, *rest)],
            cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "BIASGAN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    return start
