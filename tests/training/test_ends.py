"""Whatever ends a training, what it leaves is of the iteration that it ended at."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer

from biasgan.data.dataset import Pair
from biasgan.runs.log import read_log
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.callbacks.checkpoints import Checkpoints
from biasgan.training.callbacks.progress import ProgressBar
from biasgan.training.callbacks.throughput import Throughput
from biasgan.training.gan import RestorationGAN
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.schedule import Cosine
from biasgan.training.trainer import restoration_trainer

from .conftest import LAYERS, MakePairs, make_gan, make_trainer


class Stops(Callback):
    """Ends the training in a hook, from an iteration on."""

    def __init__(self, hook: str, iteration: int) -> None:
        self.iteration = iteration
        setattr(self, hook, self.stop)

    def stop(self, trainer: Trainer, *arguments: object) -> None:
        if trainer.global_step >= self.iteration:
            trainer.should_stop = True


class Metrics(Callback):
    """Notes what the Trainer knows after each validation."""

    def __init__(self) -> None:
        self.names: list[set[str]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.names.append(set(trainer.callback_metrics))


Train = Callable[..., RestorationGAN]


@pytest.fixture
def train(make_pairs: MakePairs, tmp_path: Path) -> Train:
    """Trains for 12 iterations at most, with a log, and a validation every fourth and a checkpoint every third."""

    def run(*callbacks: Callback, name: str = "run", resume: bool = False, **options: object) -> RestorationGAN:
        gan = make_gan(pretrain_iterations=2)
        log = CSVLog(tmp_path / name / "log.csv")
        own = (
            BiasMonitor(LAYERS, 32),
            Checkpoints(tmp_path / name / "checkpoints", every=3),
            ProgressBar(),
            Throughput(),
        )
        trainer = restoration_trainer(
            max_steps=12, val_check_interval=4, callbacks=[*own, *callbacks], logger=[log], precision="32-true",
            accelerator="cpu", devices=1, **cast(dict[str, Any], options),
        )  # fmt: skip
        last = tmp_path / name / "checkpoints" / "last.ckpt" if resume else None
        log.start(torch.load(last)["global_step"] if last else 0)
        trainer.fit(gan, datamodule=make_pairs(), ckpt_path=last, weights_only=True)
        return gan

    return run


def left(folder: Path) -> tuple[int, list[dict[str, float]]]:
    """Iteration of the last checkpoint, and the log."""
    return torch.load(folder / "checkpoints" / "last.ckpt")["global_step"], read_log(folder / "log.csv")


@pytest.mark.parametrize(
    ("callback", "end"),
    [
        (Stops("on_train_batch_start", 4), 5),
        (Stops("on_before_optimizer_step", 4), 5),
        (Stops("on_train_batch_end", 6), 6),
        (Stops("on_train_batch_end", 5), 5),
        (Stops("on_save_checkpoint", 6), 6),
        (Stops("on_validation_start", 5), 8),
        (Stops("on_validation_end", 5), 8),
        (Stops("on_train_epoch_end", 5), 12),
        (EarlyStopping("valid/psnr", mode="min", patience=1), 8),
        (EarlyStopping("bias/deviation", mode="max", stopping_threshold=-100), 4),
    ],
)
def test_all_is_of_the_last_iteration(train: Train, tmp_path: Path, callback: Callback, end: int) -> None:
    gan = train(callback)
    step, rows = left(tmp_path / "run")
    assert gan.iteration == step == end
    assert [row["iteration"] for row in rows if "valid/psnr" in row] == sorted({*range(4, end + 1, 4), end})
    assert [row["iteration"] for row in rows if "generator/pixel" in row] == list(range(1, end + 1))
    last = {name: value for row in rows if row["iteration"] == end for name, value in row.items()}
    assert gan.figures == pytest.approx({name: value for name, value in last.items() if name != "iteration"})


def test_what_was_stopped_goes_on_bit_for_bit(train: Train, tmp_path: Path) -> None:
    train(Stops("on_train_batch_end", 5))
    train(resume=True)
    train(name="whole")
    (step, rows), (end, whole) = left(tmp_path / "run"), left(tmp_path / "whole")
    assert step == end == 12
    assert [row for row in rows if row["iteration"] != 5] == [row for row in whole if row["iteration"] != 5]
    states = [torch.load(tmp_path / name / "checkpoints" / "last.ckpt")["state_dict"] for name in ("run", "whole")]
    assert all(torch.equal(states[0][name], tensor) for name, tensor in states[1].items())
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {
        "best.ckpt", "last.ckpt", "previous.ckpt",
    }  # fmt: skip


def test_time_ends_a_training(train: Train, tmp_path: Path) -> None:
    class Slow(Callback):
        """In place of a clock: from some iteration on time is up."""

        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int
        ) -> None:
            timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # pyright: ignore[reportAttributeAccessIssue]
            timer._offset = 3600 if trainer.global_step == 4 else 0

    gan = train(Slow(), max_time=timedelta(hours=1))
    assert gan.iteration == left(tmp_path / "run")[0] == 5
    assert "valid/psnr" in gan.figures


def test_without_validations_nothing_is_guessed(train: Train, tmp_path: Path) -> None:
    gan = train(Stops("on_train_batch_end", 7), limit_val_batches=0)
    step, rows = left(tmp_path / "run")
    assert step == 7
    assert {name.partition("/")[0] for name in gan.figures} == {"generator", "discriminator", "learning_rate"}
    assert not any("valid/psnr" in row for row in rows)
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"last.ckpt", "previous.ckpt"}


def test_figures_of_an_earlier_iteration_are_not_the_last_ones(train: Train) -> None:
    gan = train(min_steps=20, limit_val_batches=1)
    assert "valid/psnr" in gan.figures
    gan.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.total.completed += 1
    assert gan.figures == {}
    assert "valid/psnr" in gan.latest


def test_callbacks_of_users_see_the_figures(train: Train, tmp_path: Path) -> None:
    metrics = Metrics()
    best = ModelCheckpoint(tmp_path / "run" / "own" / "deep", monitor="valid/psnr", mode="max")
    gan = train(metrics, best)
    assert len(metrics.names) == 3
    assert all({"valid/psnr", "valid/compressed_psnr", "bias/deviation", "generator/pixel"} <= n for n in metrics.names)
    assert "bias/realism_restored" in metrics.names[0]
    assert float(best.best_model_score or 0) >= gan.latest["valid/psnr"]
    assert list((tmp_path / "run" / "own" / "deep").iterdir())


def test_learning_rates_are_logged(make_pairs: MakePairs, tmp_path: Path) -> None:
    """A monitor of Lightning's sees in each iteration the rate that it is made with."""
    gan = make_gan(iterations=6, pretrain_iterations=4)
    gan.pretrain_schedule = Cosine(1e-3, 1e-5)
    log = CSVLog(tmp_path / "log.csv")
    monitor = LearningRateMonitor("step")
    make_trainer(monitor, loggers=(log,), max_steps=6).fit(gan, datamodule=make_pairs(iterations=6))
    rows = read_log(log.path)
    expected = [*(Cosine(1e-3, 1e-5)(done / 4) for done in range(4)), 5e-4, 5e-4]
    assert [row["learning_rate/generator"] for row in rows if "learning_rate/generator" in row] == expected
    assert [row["iteration"] for row in rows if "learning_rate/discriminator" in row] == [5, 6]
    assert [row["lr-Adam"] for row in rows if "lr-Adam" in row] == expected
