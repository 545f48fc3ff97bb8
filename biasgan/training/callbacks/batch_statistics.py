from typing import cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from biasgan.data.dataset import Pair

RUNNING = ("running_mean", "running_var")


class BatchStatistics(Callback):
    """Average the running statistics of batch norm over all processes, after each iteration.

    What normalises a batch in training is each process's own mean and variance, as in BasicSR; so with batch norm, and
    with it alone, several processes are not equal to one with their batches together.
    """

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Average."""
        for name, buffer in pl_module.named_buffers():
            if name.rpartition(".")[2] in RUNNING:
                mean = trainer.strategy.reduce(buffer.clone(), reduce_op="mean")  # pyright: ignore[reportUnknownMemberType] - untyped in Lightning
                buffer.copy_(cast(Tensor, mean))
