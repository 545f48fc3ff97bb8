from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class ConfigRecord(Callback):
    """Put the configuration into every checkpoint, so that the file alone says what it is.

    Args:
        config: The resolved configuration; plain containers, since anything else makes the file unloadable with
            `weights_only=True`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put the configuration in as `config`."""
        checkpoint["config"] = self.config
