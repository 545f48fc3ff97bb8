"""What `biasgan` exports: all of it is documented, with examples that run."""

import doctest
from inspect import getdoc

import pytest

import biasgan

from .conftest import MISSING


def test_names_are_known_before_they_are_imported() -> None:
    assert {"ConditionalDiscriminator", "RestorationGAN", "divergence_loss", "load"} <= {*biasgan.__all__}
    assert dir(biasgan) == biasgan.__all__
    with pytest.raises(AttributeError, match="RestorationGAM"):
        biasgan.RestorationGAM  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


@pytest.mark.parametrize("name", biasgan.__all__)
def test_examples_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    public = getattr(biasgan, name)
    if name == "BPG" and MISSING["bpg"]:
        pytest.skip("pip install 'biasgan[bpg]'")
    example = doctest.DocTestParser().get_doctest(getdoc(public) or "", {}, name, None, None)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0, capsys.readouterr().out
