import os
import signal
from fractions import Fraction
from threading import Thread

import pytest
from hydra.errors import HydraException
from torch.utils.data import DataLoader, Dataset

from biasgan.cli.errors import plain_errors
from biasgan.io.images import ImageError
from biasgan.runs.build import build


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIASGAN_TRACEBACK", raising=False)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.mark.parametrize(
    "error", [ValueError("a [bold] word"), FileNotFoundError("a [bold] word"), RuntimeError("a [bold] word")]
)
def test_errors_become_one_message_as_it_is(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), plain_errors():
        raise error
    assert capsys.readouterr() == ("", "\nerror: a [bold] word\n")


def test_an_extra_that_is_missing_is_named_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), plain_errors():
        raise HydraException("In 'hydra/config': Could not find 'hydra/launcher/submitit_slurm'\n\nAvailable options …")
    assert capsys.readouterr().err.endswith("pip install 'biasgan[slurm]'\n")


def test_an_error_without_words_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), plain_errors():
        raise RuntimeError
    assert capsys.readouterr().err == "\nerror: RuntimeError\n"


def test_what_a_constructor_said_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, text in (({"numerator": "half"}, "Invalid literal for Fraction: 'half'"), ({"half": 1}, "'half'")):
        with pytest.raises(SystemExit, match="1"), plain_errors():
            build(Fraction, {"_target_": "fractions.Fraction", **arguments})
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 2)
        assert err.startswith("\nerror: ")
        assert text in err


def test_an_unknown_class_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), plain_errors():
        build(Fraction, {"_target_": "fractions.Half"})
    assert "fractions.Half" in capsys.readouterr().err


def test_what_hydra_says_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), plain_errors():
        raise HydraException("no such option")
    assert capsys.readouterr().err == "\nerror: no such option\n"


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("BIASGAN_CACHE", "TORCH_HOME", "XDG_CACHE_HOME", "AWS_ENDPOINT_URL", "WANDB_DIR", "SLURM_STEP_ID")
    for name in (*names, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
    with plain_errors():
        pass
    assert not set(names) & os.environ.keys()
    # There it means that no GPU is to be used.
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_an_interruption_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="130"), plain_errors():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "\nstopped\n"


def test_sigterm_is_an_interruption_too(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="130"), plain_errors(), plain_errors():
        signal.raise_signal(signal.SIGTERM)
    assert capsys.readouterr().err == "\nstopped\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_leave_signals_alone() -> None:
    def run() -> None:
        with plain_errors():
            done.append(signal.getsignal(signal.SIGTERM))

    done: list[object] = []
    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize("error", [TypeError("a bug"), KeyError("a bug")])
def test_bugs_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error), match="a bug"), plain_errors():
        raise error


def test_a_variable_brings_the_traceback_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIASGAN_TRACEBACK", "1")
    with pytest.raises(ValueError, match="Invalid literal"), plain_errors():
        build(Fraction, {"_target_": "fractions.Fraction", "numerator": "half"})


def test_success_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_errors():
        pass
    assert capsys.readouterr() == ("", "")


class BrokenDataset(Dataset[int]):
    """Cannot be read."""

    def __getitem__(self, index: int) -> int:
        raise ImageError("two words: and more")

    def __len__(self) -> int:
        return 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_a_loader_process_said_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), plain_errors():
        list(DataLoader(BrokenDataset(), num_workers=1))
    assert capsys.readouterr().err == "\nerror: two words: and more\n"
