import sys
from functools import partial

import pytest

from biasgan import app

from .conftest import Command


@pytest.fixture
def serving(command: Command) -> Command:
    return partial(command, main=app.main)


def test_what_is_not_installed_is_named(serving: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "biasgan.trying.page", raising=False)
    done = serving()
    assert (done.status, done.out) == (1, "")
    assert done.err == "\nerror: It needs gradio, which is not installed: pip install 'biasgan[app]'\n"
