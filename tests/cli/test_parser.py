import argparse
from pathlib import Path

import pytest

from biasgan.cli.parser import Parser, path, positive, share


def parser(passes_on: bool = False) -> Parser:
    made = Parser("mix", "\nHow to use it.\n", ("run", "out", "overwrite"), passes_on)
    made.add_argument("words", nargs="*")
    made.add_argument("--run")
    made.add_argument("--out", type=path)
    made.add_argument("--overwrite", action="store_true")
    return made


def test_words_and_flags_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = parser().read(["--out=~/x", "one", "--run", "lr=1", "--overwrite"])
    assert (given.words, given.run, given.out, given.overwrite) == (["one"], "lr=1", "/home/me/x", True)


@pytest.mark.parametrize(
    ("words", "passes_on", "now"),
    [
        (["run=a b", "one"], False, "--run 'a b' one"),
        (["one", "out=x=y", "overwrite=true"], False, "one --out x=y --overwrite"),
        (["run=a", "overwrite=False"], False, "--run a"),
        (["one", "scale=paper", "out=x", "~callbacks.curves"], True, "one --out x -- scale=paper '~callbacks.curves'"),
        (["one", "qf=20", "--", "seed=1"], True, "one -- qf=20 seed=1"),
    ],
)
def test_the_form_of_former_releases_is_answered_with_that_of_now(
    capsys: pytest.CaptureFixture[str], words: list[str], passes_on: bool, now: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser(passes_on).read(words)
    line = f"biasgan mix: error: options are --flags now; write: biasgan mix {now}\n"
    assert capsys.readouterr() == ("", line)


def test_what_is_there_is_a_path_whatever_it_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("run=a", "lr=0.1"):
        (tmp_path / name).mkdir()
    assert parser().read(["run=a", "lr=0.1"]).words == ["run=a", "lr=0.1"]
    assert parser().read(["x=y", "../qf=20"]).words == ["x=y", "../qf=20"]


def test_what_stands_behind_is_for_another_command() -> None:
    given = parser(passes_on=True).read(["one", "--run", "a", "--", "seed=0,1", "--config-dir", "x"])
    assert (given.words, given.run, given.rest) == (["one"], "a", ["seed=0,1", "--config-dir", "x"])
    assert parser().read(["--run", "a", "--", "-b"]).words == ["-b"]


def test_help_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parser().read(["one", "--help"])
    out, err = capsys.readouterr()
    assert out.startswith("usage: biasgan mix")
    assert ("How to use it." in out, err) == (True, "")


def test_numbers() -> None:
    assert (share("1e-1"), positive("3")) == (0.1, 3)
    for kind, text in ((share, "1.5"), (share, "nan"), (positive, "0")):
        with pytest.raises(argparse.ArgumentTypeError, match=f"; got {text}"):
            kind(text)
