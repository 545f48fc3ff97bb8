from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

RESULTS = ("summary.json", "generator.safetensors", "discriminator.safetensors")
"""What the end of a training leaves in its run folder."""


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
            for name in RESULTS:
                (self.folder / name).unlink(missing_ok=True)
