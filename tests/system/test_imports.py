import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLLECTION = """
import gc
from biasgan.system.imports import importing

try:
    with importing():
        assert not gc.isenabled()
        raise ImportError
except ImportError:
    assert gc.isenabled()

with importing():
    import lightning
count = gc.get_freeze_count()
assert count > 1000
with importing():
    assert gc.isenabled()
    more = [[] for _ in range(1000)]
assert gc.get_freeze_count() == count
"""
INTERRUPTED = """
from biasgan.cli.errors import plain_errors
from biasgan.system.imports import importing

with plain_errors():
    with importing():
        import forgiving
        print("imported", flush=True)
    print("went on", flush=True)
"""
FORGIVING = """
import signal
try:
    signal.raise_signal(signal.{signal})
except {caught}:
    {then}
"""


def run(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    path = {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=False)


def test_what_is_imported_once_is_never_looked_through(tmp_path: Path) -> None:
    (tmp_path / "lightning.py").write_text("kept = [[] for _ in range(1000)]\n")
    done = run(COLLECTION, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("caught", "then", "out"),
    [
        ("BaseException", "pass", "imported\n"),
        ("BaseException", "raise ImportError('cannot import name')", ""),
        ("ImportError", "pass", ""),
    ],
)
def test_an_interruption_of_imports_is_never_lost(
    tmp_path: Path, signal: str, caught: str, then: str, out: str
) -> None:
    (tmp_path / "forgiving.py").write_text(FORGIVING.format(signal=signal, caught=caught, then=then))
    done = run(INTERRUPTED, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, out, "\nstopped\n")
