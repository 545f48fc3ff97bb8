from collections.abc import Mapping
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.datamodule import RestorationData
from biasgan.runs.folder import RunFolder


class RunRecord(Callback):
    """Keep what stands in a run folder true: each file says what it is of, and none is of an earlier end.

    Every checkpoint has the configuration, so that the file alone says what it is, and a hash of the pairs.

    Args:
        run: The folder.
        config: The resolved configuration; plain containers, since anything else makes the file unloadable with
            `weights_only=True`.
    """

    def __init__(self, run: RunFolder, config: Mapping[str, Any]) -> None:
        self.run = run
        self.config = dict(config)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove what an earlier end has left."""
        if trainer.is_global_zero:
            self.run.remove_results()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put `config` and `data_fingerprint` in."""
        checkpoint["config"] = self.config
        checkpoint["data_fingerprint"] = fingerprint(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the same pairs only.

        Raises:
            ValueError: If there are other pairs now.
        """
        before, now = checkpoint.get("data_fingerprint"), fingerprint(trainer)
        if before not in (None, now):
            raise ValueError(
                f"The run that is resumed was trained on other pairs (hash {before[:8]}) than there are now "
                f"({now[:8]}). Bring its images, their division and their codec back, or start another run from its "
                "weights with init_from=RUN."
            )


def fingerprint(trainer: Trainer) -> str:
    """Hash of all pairs of a training."""
    return cast(RestorationData, trainer.datamodule).fingerprint  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - set where pyright does not look
