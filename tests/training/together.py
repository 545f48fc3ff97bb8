"""Callbacks that tests give to trainings of several processes."""

import hashlib
import os
import time
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
        where: `start`, `loader`, `iteration` or `validation`.
        signal: To send it in an iteration, in place of an error.
        others_wait: For something that no exception ends, as in a collective of NCCL's.
    """

    def __init__(self, rank: int, where: str, signal: int | None = None, others_wait: bool = False) -> None:
        self.rank = rank
        self.where = where
        self.signal = signal
        self.others_wait = others_wait

    def fail(self, trainer: Trainer, where: str) -> None:
        if where != self.where:
            return
        if trainer.global_rank == self.rank:
            if self.signal is None:
                raise ValueError(f"{where} of {self.rank}")
            os.kill(os.getpid(), self.signal)
        elif self.others_wait:
            time.sleep(100)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.fail(trainer, "start")
        if self.where == "loader" and trainer.global_rank == self.rank:
            pytest.MonkeyPatch().setattr(PairDataset, "__getitems__", self.unreadable)

    def unreadable(self, samples: list[Sample]) -> Pair:
        raise ImageError(f"loader of {self.rank}")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        if batch_idx == 2:
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
