import os
import subprocess
import sys
from pathlib import Path

import pytest

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
