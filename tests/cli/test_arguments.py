from pathlib import Path

import pytest

from biasgan.cli.arguments import read_arguments, read_number, read_path, read_switch

OPTIONS = {"weight": None, "out": "here", "overwrite": "false"}


def read(*arguments: str) -> dict[str, str]:
    return read_arguments(arguments, "\nHow to use it.\n", ("a", "b"), OPTIONS)


def test_words_in_their_order_and_options_in_any() -> None:
    expected = {"a": "one", "b": "two", "weight": "0.5", "out": "there", "overwrite": "false"}
    assert read("out=there", "one", "weight=0.5", "two") == expected


def test_a_path_or_a_value_may_have_an_equals_sign() -> None:
    given = read("runs/qf=20", "../x=y", "weight=1", "out=a=b")
    assert (given["a"], given["b"], given["out"]) == ("runs/qf=20", "../x=y", "a=b")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_printed_and_nothing_else_is_asked_for(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read("one", flag)
    assert ended.value.code in (None, 0)
    assert capsys.readouterr() == ("How to use it.\n", "")


def test_a_word_that_is_there_is_a_path_though_it_looks_like_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("lr=0.1", "weight=1"):
        (tmp_path / name).mkdir()
    given = read("lr=0.1", "./weight=1", "weight=0.5")
    assert (given["a"], given["b"], given["weight"]) == ("lr=0.1", "./weight=1", "0.5")
    with pytest.raises(ValueError, match="There is no option lr="):
        read("one", "two", "lr=0.1", "weight=1")


def test_home_folders_are_those_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert [read_path(value) for value in ("~/a b", "bundled", "~no-such-user/a", "")] == [
        "/home/me/a b", "bundled", "~no-such-user/a", "",
    ]  # fmt: skip


EXPECTED = "Expected: a b weight= out= overwrite=; see --help."


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], f"Missing: a, b, weight=. {EXPECTED}"),
        (["one", "weight=1"], f"Missing: b. {EXPECTED}"),
        (["one", "two", "three"], f"'three' is one word too many. {EXPECTED}"),
        (["one", "two", "wieght=1"], f"There is no option wieght=; do you mean weight=? {EXPECTED}"),
        (["one", "two", "quality=1"], f"There is no option quality=. {EXPECTED}"),
        (["one", "two", "weight=1", "weight=0"], "weight= is given twice."),
        (["one", "two", "weight="], "weight= has no value."),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        read(*arguments)
    assert str(caught.value) == text


def test_switches() -> None:
    assert [read_switch("check", value) for value in ("true", "True", "false")] == [True, True, False]
    with pytest.raises(ValueError, match="check must be true or false; got 'yes'"):
        read_switch("check", "yes")


def test_numbers() -> None:
    assert read_number("weight", "1e-1") == 0.1
    with pytest.raises(ValueError, match="weight must be a number; got 'half'"):
        read_number("weight", "half")
