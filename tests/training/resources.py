import os
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.pairs import Pair


class Resources(Callback):
    """Note what this process holds every so many iterations.

    Args:
        every: Iterations between two looks.

    Attributes:
        iterations: At which it was looked.
        resident: Memory then, in MiB.
        descriptors: Open files, pipes and sockets then.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.iterations: list[int] = []
        self.resident: list[float] = []
        self.descriptors: list[int] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        """Look, after the validation of the iteration before if there was one."""
        if trainer.global_step % self.every == 0 and trainer.global_step:
            self.iterations.append(trainer.global_step)
            self.resident.append(resident())
            self.descriptors.append(len(os.listdir("/proc/self/fd")))


def resident() -> float:
    """Memory of this process in MiB, without pages of mapped files, which the system takes back when it likes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return (kilobytes["RssAnon"] + kilobytes["RssShmem"]) / 2**10
