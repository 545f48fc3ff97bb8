"""The one command, as pip installs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biasgan.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def installed(console: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the PATH."""
    monkeypatch.setenv("PATH", f"{console.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def said(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT | os.environ)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.usefixtures("installed")
def test_it_lists_all_commands() -> None:
    doors = {file.stem for file in (ROOT / "biasgan").glob("*.py") if not file.stem.startswith("__")}
    assert set(COMMANDS) == doors
    status, out, err = said("biasgan")
    assert (status, err) == (0, "")
    for name, does in COMMANDS.items():
        assert f"\n  {name:<13}{does}\n" in out
    assert said("biasgan", "--help") == (0, out, "")


@pytest.mark.usefixtures("installed")
def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    assert said("biasgan", "enhnace", "photo.jpg") == (
        2, "", "biasgan: error: there is no command 'enhnace'; did you mean enhance?\n"
    )  # fmt: skip
    status, _, err = said(sys.executable, "-m", "biasgan", "photo.jpg")
    assert (status, err.count("\n")) == (2, 1)
    assert "expected one of enhance, app, train" in err


@pytest.mark.usefixtures("installed")
def test_all_spellings_do_the_same() -> None:
    answers = [
        said(*words, "--format", "tflite")
        for words in (
            ("biasgan", "export"),
            (sys.executable, "-m", "biasgan", "export"),
            (sys.executable, "-m", "biasgan.export"),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 2
    assert "usage: biasgan export" in answers[0][2]


ASK = r"""
eval "$(biasgan completion bash)"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
while read -r line; do
    COMP_LINE="biasgan ${line%_}" COMP_TYPE=9 COMP_CWORD=9 COMPREPLY=()
    COMP_POINT=${#COMP_LINE}
    _python_argcomplete biasgan
    echo "${COMPREPLY[*]}"
done
"""
ASKED = {
    "exp_": "export",
    "e_": "enhance evaluate export",
    "export --run x --form_": "--format",
    "export --run x --format _": "safetensors pth onnx torchscript",
    "train met_": "method= metrics. metrics=",
    "train codec=jpeg method=v_": "vanilla",
}
"""Lines up to where the cursor is → what may come there."""


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.usefixtures("installed")
def test_the_shell_completes_it() -> None:
    done = subprocess.run(
        ["bash", "-c", ASK], input="\n".join(ASKED) + "\n", capture_output=True, text=True, check=True
    )
    answers = [answer.strip() for answer in done.stdout.splitlines()]
    assert dict(zip(ASKED, answers, strict=True)) == ASKED
