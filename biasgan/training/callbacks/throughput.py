import time
from collections import deque
from math import ceil
from typing import NamedTuple, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from biasgan.data.dataset import Pair
from biasgan.system.console import say
from biasgan.training.loggers.csv_log import CSVLog

WINDOW = 200
"""Iterations that the figures are means over."""

TOO_LONG = 0.25
"""Share of the time that waiting for data may take without a word."""


class Iteration(NamedTuple):
    """What one iteration took; of its seconds those are `waited` that it waited for the batch."""

    images: int
    seconds: float
    waited: float


class Throughput(Callback):
    """Measure how fast a training goes, over the last iterations, and say once if it mostly waits for its data.

    At each validation the figures go to the loggers. In place of `log.csv`, which is the same for the same training,
    that is `throughput.csv` beside it.

    Attributes:
        figures: `throughput/images_per_second` and `throughput/data_wait`, a share from 0 to 1, both without the time
            of validations; and `throughput/seconds_left`, at the present pace and with the validations to come.
    """

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.iterations: deque[Iteration] = deque(maxlen=WINDOW)
        self.loggers: list[Logger] = []
        self.validation_seconds = 0.0
        self.hinted = False
        # When the last iteration began and ended; None before the first, which waits for the loader to start.
        self.began = 0.0
        self.ended: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find out where to log."""
        self.loggers = [
            CSVLog(logger.path.with_name("throughput.csv")) if isinstance(logger, CSVLog) else logger
            for logger in trainer.loggers
        ]
        for logger in self.loggers:
            if isinstance(logger, CSVLog):
                logger.start(trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        """Note when the batch was there."""
        self.began = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Take the iteration in."""
        now = time.monotonic()
        if self.ended is not None:
            images = len(batch.original) * trainer.world_size
            self.iterations.append(Iteration(images, now - self.ended, self.began - self.ended))
            self.measure(trainer)
        self.ended = now

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log, and leave the validation's time out of the iterations'."""
        if self.ended is None:
            return
        now = time.monotonic()
        self.validation_seconds = now - self.ended
        self.ended = now
        if self.iterations:
            self.measure(trainer)
            for logger in self.loggers:
                logger.log_metrics(self.figures, step=trainer.global_step)

    def measure(self, trainer: Trainer) -> None:
        """Compute the figures anew."""
        images, seconds, waited = (sum(column) for column in zip(*self.iterations, strict=True))
        left = trainer.max_steps - trainer.global_step
        validations = ceil(left / cast(int, trainer.val_check_batch))
        wait = waited / seconds
        self.figures = {
            "throughput/images_per_second": images / seconds,
            "throughput/data_wait": wait,
            "throughput/seconds_left": left * seconds / len(self.iterations) + validations * self.validation_seconds,
        }
        if wait >= TOO_LONG and len(self.iterations) == WINDOW and not self.hinted and trainer.is_global_zero:
            self.hinted = True
            workers: int = getattr(trainer.train_dataloader, "num_workers", 0)
            say(
                f"The training waits for its data {wait:.0%} of the time. More pairs.workers (now {workers}) help "
                "where processor cores are idle, and else a faster disk, or connection, for the pairs."
            )
