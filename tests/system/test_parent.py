import os
import subprocess
import sys
from pathlib import Path

import pytest

from biasgan.system.parent import as_parent, own_number

ROOT = Path(__file__).parents[2]

CHILD = """
import signal, time
from biasgan.system.parent import end_with_parent
end_with_parent(signal.SIGTERM)
print("lives", flush=True)
time.sleep({seconds})
print("has outlived it", flush=True)
"""
PARENT = """
import os, subprocess, sys, time
from biasgan.system.parent import own_number
subprocess.Popen([sys.executable, "-c", sys.argv[1]], env={**os.environ, **(own_number() if sys.argv[2] else {})})
time.sleep(100)
"""


@pytest.mark.parametrize(("seconds", "told", "words"), [(100, "told", ""), (1, "", "has outlived it\n")])
def test_a_process_that_was_told_its_parent_ends_with_it(seconds: int, told: str, words: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD.format(seconds=seconds), told],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "lives\n"
        process.kill()
        assert process.stdout.read() == words  # to the end, which is that of the child


def test_a_process_whose_parent_is_gone_already_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was killed while this one was starting, and somebody else is its parent now."""
    environment = {**os.environ, "BIASGAN_PARENT": "1234567890", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", CHILD.format(seconds=100)]
    assert subprocess.run(words, env=environment, check=False, capture_output=True).returncode == -15


@pytest.mark.parametrize("before", [None, "17"])
def test_the_environment_is_as_it_was(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.setenv("BIASGAN_PARENT", before or "")
    if not before:
        del os.environ["BIASGAN_PARENT"]
    with as_parent():
        assert os.environ["BIASGAN_PARENT"] == str(os.getpid()) == own_number()["BIASGAN_PARENT"]
    assert os.environ.get("BIASGAN_PARENT") == before
