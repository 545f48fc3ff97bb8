"""Callbacks that tests give to trainings of several processes."""

import hashlib
import os
from pathlib import Path

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from biasgan.data.dataset import Pair, PairDataset
from biasgan.data.samplers import Sample
from biasgan.io.images import ImageError


def digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().float().cpu().numpy().tobytes()).hexdigest()[:12]


class Plain(nn.Sequential):
    """A discriminator without any norm, which finds images as different from each other as a trained one does."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(nn.Conv2d(in_channels, channels, 3), nn.LeakyReLU(0.2), nn.Conv2d(channels, 1, 3))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.3)


class Recorded(Callback):
    """Writes one line for each parameter and buffer after each iteration, and one for each image validated."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def write(self, name: str, trainer: Trainer, line: str) -> None:
        with (self.folder / f"{name}-{trainer.global_rank}.txt").open("a") as file:
            file.write(f"{trainer.global_step} {line}\n")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        for name, tensor in pl_module.state_dict().items():
            assert tensor.isfinite().all()
            self.write("state", trainer, f"{name} {digest(tensor)}")

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Pair,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if outputs is not None:
            self.write("images", trainer, str(int(batch.index)))


class Fails(Callback):
    """Makes one process fail.

    Args:
        rank: Which.
        where: `loader`, `iteration` or `validation`.
        signal: To send it in an iteration, in place of an error.
        launcher: Whether what has started it is sent the signal in its stead.
        iteration: Which.
        once: A file that tells that it has failed, and is not to fail again.
    """

    def __init__(
        self,
        rank: int,
        where: str,
        signal: int | None = None,
        launcher: bool = False,
        iteration: int = 2,
        once: str | None = None,
    ) -> None:
        self.rank = rank
        self.where = where
        self.signal = signal
        self.launcher = launcher
        self.iteration = iteration
        self.once = Path(once) if once else None

    def fail(self, trainer: Trainer, where: str) -> None:
        if where != self.where or trainer.global_rank != self.rank or (self.once and self.once.exists()):
            return
        if self.once:
            self.once.touch()
        if self.signal is None:
            raise ValueError(f"{where} of {self.rank}")
        os.kill(os.getppid() if self.launcher else os.getpid(), self.signal)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self.where == "loader" and trainer.global_rank == self.rank:
            pytest.MonkeyPatch().setattr(PairDataset, "__getitems__", self.unreadable)

    def unreadable(self, samples: list[Sample]) -> Pair:
        raise ImageError(f"loader of {self.rank}")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        if trainer.global_step == self.iteration:
            self.fail(trainer, "iteration")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.fail(trainer, "validation")


class Stops(Callback):
    """Ends the training in one process, as one that looks at its own clock may.

    Args:
        rank: Which.
        iteration: After which.
    """

    def __init__(self, rank: int, iteration: int) -> None:
        self.rank = rank
        self.iteration = iteration

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        if trainer.global_rank == self.rank and trainer.global_step == self.iteration:
            trainer.should_stop = True
