from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.dataset import Pair
from biasgan.training.loggers.csv_log import CSVLog


class Resources(Callback):
    """Note every so many iterations what this process holds: `resources.csv` in the run folder.

    That is `resident` memory in MiB, open `descriptors`, and `logged`: the size of what the run has written, but for
    weights, in MiB.

    Args:
        folder: Of the run.
        every: Iterations between two looks.
    """

    def __init__(self, folder: str, every: int) -> None:
        self.folder = Path(folder)
        self.every = every
        self.record = CSVLog(self.folder / "resources.csv")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the file."""
        self.record.start(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Look."""
        if trainer.global_step % self.every == 0:
            files = (file for file in self.folder.rglob("*") if file.is_file() and file.suffix != ".ckpt")
            values = {
                "resident": resident(),
                "descriptors": len(list(Path("/proc/self/fd").iterdir())),
                "logged": sum(file.stat().st_size for file in files) / 2**20,
            }
            self.record.log_metrics(values, trainer.global_step)


def resident() -> float:
    """Memory of this process in MiB, without mapped files, whose pages the system takes back when it likes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return (kilobytes["RssAnon"] + kilobytes["RssShmem"]) / 2**10
