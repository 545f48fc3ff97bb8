from pathlib import Path

import pytest
import torch
from torch.backends.cuda import is_built

from biasgan.networks.compact import SRVGGNetCompact
from biasgan.runs.log import read_log
from biasgan.system.processor import has_bf16
from biasgan.training.callbacks.ema import EMA
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.trainer import restoration_trainer

from ..conftest import Command, tiny
from .conftest import MakePairs, make_fidelity

OPTIONS = {"max_steps": 1, "val_check_interval": 1, "callbacks": [], "logger": [], "accelerator": "cpu"}


def make(**options: object) -> None:
    restoration_trainer(**{**OPTIONS, **options})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "16-mixed"}, r"precision=16-mixed: fp16 needs one loss scale.*Use trainer.precision=bf16-mixed"),
        ({"precision": "16-true"}, r"precision=16-true: fp16"),
        ({"strategy": "ddp"}, r"strategy=ddp: each backward pass.*Use trainer=ddp"),
        ({"gradient_clip_val": 1.0}, r"trainer.gradient_clip_val has no effect.*set clip_gradients"),
        ({"accumulate_grad_batches": 2}, r"trainer.accumulate_grad_batches has no effect.*set accumulate"),
        ({"max_epochs": 2}, r"trainer.max_epochs means nothing, since a training is one pass.*set iterations instead"),
        ({"min_epochs": 2}, r"trainer.min_epochs means nothing.*set trainer.min_steps instead"),
        ({"check_val_every_n_epoch": 1}, r"check_val_every_n_epoch means nothing.*set validate_every instead"),
        ({"limit_train_batches": 1}, r"trainer.limit_train_batches means nothing.*set trainer.max_steps instead"),
        ({"overfit_batches": 0.5}, r"trainer.overfit_batches means nothing.*give it few images"),
        ({"fast_dev_run": True}, r"trainer.fast_dev_run would leave no run; set trainer.max_steps=1 instead"),
        ({"num_sanity_val_steps": 2}, r"trainer.num_sanity_val_steps is of no use"),
        ({"val_check_interval": 0.5}, r"trainer.val_check_interval=0.5 must be a whole number of iterations"),
        ({"val_check_interval": "00:00:10:00"}, r"set validate_every instead"),
    ],
)
def test_what_fails_for_gans_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_values_that_change_nothing_are_not_refused() -> None:
    make(max_epochs=-1, num_sanity_val_steps=0, fast_dev_run=False, overfit_batches=0.0, limit_train_batches=None)


def test_auto_precision_is_bf16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if is_built():
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for capabilities, expected in (({"avx512_bf16": True}, True), ({"bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False)
        assert has_bf16("cpu") is has_bf16("auto") is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_bf16("cpu")


def test_a_training_can_be_made_deterministic(command: Command, pictures: Path, tmp_path: Path) -> None:
    try:
        options = tiny(pictures, "iterations=2", "pretrain_iterations=1")
        assert command(*options, "trainer.deterministic=true", "hydra.run.dir=run").status == 0
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = False
    assert (tmp_path / "run" / "summary.json").is_file()


def test_training_in_bf16_is_as_good_as_in_fp32(make_pairs: MakePairs, tmp_path: Path) -> None:
    gains: dict[str, float] = {}
    for precision in ("32-true", "bf16-mixed"):
        module = make_fidelity(iterations=80)
        torch.manual_seed(3)
        module.generator = SRVGGNetCompact(channels=16, convolutions=1, start_as_identity=True)
        log = CSVLog(tmp_path / f"{precision}.csv")
        trainer = restoration_trainer(
            max_steps=80,
            val_check_interval=80,
            callbacks=[EMA(0.95)],
            logger=[log],
            precision=precision,
            accelerator="cpu",
            devices=1,
        )
        trainer.fit(module, datamodule=make_pairs(iterations=80, batch_size=8))
        last = next(row for row in read_log(log.path) if "valid/psnr" in row)
        gains[precision] = last["valid/psnr"] - last["valid/compressed_psnr"]
    assert gains["32-true"] > 0.3
    assert gains["bf16-mixed"] == pytest.approx(gains["32-true"], abs=0.05)
