import logging
import warnings

import pytest
from PIL import Image

from biasgan.system.console import no_warnings, progress_bar, quieten_lightning, say


def test_texts_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say("a [bold] 3", "long " * 40, style="yellow")
    say(7, error=True)
    assert capsys.readouterr() == ("a [bold] 3\n" + "long " * 40 + "\n", "7\n")


def test_a_bar_is_where_errors_are(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as bar:
        bar.update(bar.add_task("some [red] images", total=4), completed=3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "some [red] images" in err
    assert "3/4" in err


def test_a_library_is_silent_but_for_what_is_an_error() -> None:
    with no_warnings():
        warnings.warn("of no use", UserWarning, stacklevel=1)
    with no_warnings(UserWarning, "corrupt"):
        warnings.warn("of no use", UserWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="corrupt data"):
            warnings.warn("corrupt data", UserWarning, stacklevel=1)
    with no_warnings(Image.DecompressionBombWarning), pytest.raises(Image.DecompressionBombWarning):
        warnings.warn("too large", Image.DecompressionBombWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="of use"):
        warnings.warn("of use", UserWarning, stacklevel=1)


def test_lightning_is_quiet() -> None:
    quieten_lightning()
    assert logging.getLogger("lightning.pytorch").level == logging.WARNING
    warnings.warn("The 'val_dataloader' does not have many workers which may be slow", UserWarning, stacklevel=1)
