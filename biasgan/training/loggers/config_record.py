from collections.abc import Mapping
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.datamodule import RestorationData


class ConfigRecord(Callback):
    """Put the configuration into every checkpoint, so that the file alone says what it is, and a hash of the pairs.

    Args:
        config: The resolved configuration; plain containers, since anything else makes the file unloadable with
            `weights_only=True`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put both in, as `config` and `data_fingerprint`."""
        checkpoint["config"] = self.config
        checkpoint["data_fingerprint"] = fingerprint(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the same pairs only.

        Raises:
            ValueError: If they are others.
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
