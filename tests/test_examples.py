"""The examples run, in seconds, from nothing."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = pytest.mark.filterwarnings(
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:The number of training batches",
)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[..., None]]:
    """The main function of an example, which runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)  # as for `python examples/…`
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    return lambda name: runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


SAYS = {
    "custom_codec": "pixel loss after 1 iterations: 0.",
    "custom_mitigation": "mean colour after 1 iterations: 0.",
    "finetune_spandrel": "finetuned.pth: FBCNN",
    "plain_lightning_gan": "divergence after 1 iterations: 0.",
    "ten_lines": "PSNR after 1 iterations: ",
    "wandb_sweep": "full: pixel loss 0.",
}


def test_all_are_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SAYS, "photographs"}


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs(
    name: str, example: Callable[[str], Callable[..., None]], capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"methods": ["full"]} if name == "wandb_sweep" else {}
    example(name)(steps=1, size=32, **options)
    assert SAYS[name] in capfd.readouterr().out
