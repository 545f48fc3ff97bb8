from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.runs.folder import RunFolder


class EarlierResults(Callback):
    """Remove what an earlier end has left, as soon as a training goes on: it is of another iteration from then on.

    Args:
        folder: Run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the files."""
        if trainer.is_global_zero:
            RunFolder(self.folder).remove_results()
