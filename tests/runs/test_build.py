from fractions import Fraction
from typing import Any

import pytest

from biasgan.runs.build import BuildError, build, built


def node(*args: object, **named: object) -> dict[str, Any]:
    return {"_target_": "fractions.Fraction", **({"_args_": list(args)} if args else {}), **named}


def test_a_call_with_names_without_and_with_more() -> None:
    assert build(Fraction, node(numerator=3, denominator=4)) == Fraction(3, 4)
    assert build(Fraction, node(3), denominator=6) == Fraction(1, 2)
    assert build(Fraction, {**node("1/8"), "_convert_": "all", "_recursive_": True}) == Fraction(1, 8)


def test_arguments_are_called_before() -> None:
    assert build(Fraction, node(node(numerator=1, denominator=2), denominator=node(2))) == Fraction(1, 4)
    assert built({"list": [node(1), [node(2)]], "text": "${none}"}) == {
        "list": [Fraction(1), [Fraction(2)]],
        "text": "${none}",
    }


def test_texts_are_kept_whatever_they_look_like() -> None:
    for text in ("${x}", "a\\${x}", "a\\\\${b", "it's ${x} 'q'"):
        described = {
            "_target_": "builtins.dict",
            "a": text,
            "b": [text, {"_target_": "builtins.dict", "c": {"d": text}}],
        }
        assert build(dict, described) == {"a": text, "b": [text, {"c": {"d": text}}]}


def test_what_is_given_beside_is_taken_as_it_is() -> None:
    assert build(dict, {"_target_": "builtins.dict"}, inner=node(1)) == {"inner": node(1)}


def test_a_partial_waits() -> None:
    made: Any = built({**node(3), "_partial_": True})
    assert made(denominator=9) == Fraction(1, 3)
    assert build(Fraction, {**node(3), "_partial_": False}) == 3


@pytest.mark.parametrize(
    ("described", "text"),
    [
        ({"_target_": "fractions.Half"}, r"^fractions\.Half cannot be imported: .*Half"),
        ({"_target_": "no_such_module.Half"}, r"^no_such_module\.Half cannot be imported: No module named"),
        ({}, "^None cannot be imported"),
        (node(bogus=1), "unexpected keyword argument 'bogus'"),
        ({"_target_": "math.pi"}, "'float' object is not callable"),
    ],
)
def test_what_cannot_be_called_is_said(described: dict[str, Any], text: str) -> None:
    with pytest.raises(BuildError, match=text):
        build(Fraction, described)


def test_what_a_constructor_says_is_its_own_error() -> None:
    with pytest.raises(ValueError, match="Invalid literal for Fraction: 'half'") as caught:
        build(Fraction, node("half"))
    assert type(caught.value) is ValueError


def test_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"fractions\.Fraction makes a Fraction; expected a str\."):
        build(str, node(1))
