import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.pairs import Pair
from biasgan.files import atomic_write
from biasgan.training.fidelity import restoration

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write checkpoints to a temporary name, sync and rename: the previous one stays until the new one is whole.

    The `last.ckpt` that is replaced becomes `previous.ckpt`, for the case that the disk damages the new one; unless it
    is of another training, or damaged itself and therefore not what this training went on from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: set[Path] = set()

    def load_checkpoint(
        self, path: str | Path, map_location: object = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint, as Lightning does."""
        content: dict[str, Any] = super().load_checkpoint(path, cast(Any, map_location), weights_only)  # pyright: ignore[reportUnknownMemberType] - untyped in Lightning
        self.known.add(Path(path).resolve())
        return content

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: object = None
    ) -> None:
        """Save to a local path, making its folder in the run folder.

        Raises:
            OSError: If the disk is full or read-only, or the run folder gone; whatever was at `path` is still there.
        """
        path = Path(path)
        try:
            # A run folder that somebody has removed is not made again: the log would not be whole.
            path.parent.mkdir(exist_ok=True)
            with atomic_write(path) as temporary:
                torch.save(checkpoint, temporary)
                if path.name == LAST and path.resolve() in self.known:
                    link(path, path.with_name(PREVIOUS))
            self.known.add(path.resolve())
        # PyTorch reports a full disk as a RuntimeError.
        except (OSError, RuntimeError) as error:
            kept = "the one before is still there" if path.is_file() else "there was none before"
            raise OSError(
                f"The checkpoint {path} could not be written; {kept}. Free some space, or choose another folder with "
                f"hydra.run.dir=FOLDER, and resume. The system says: {str(error).splitlines()[0]}"
            ) from error


def link(path: Path, name: Path) -> None:
    """Let a file be found under a second name too, at no moment under neither."""
    with atomic_write(name) as temporary:
        try:
            temporary.hardlink_to(path)
        # Not all file systems can.
        except OSError:
            shutil.copyfile(path, temporary)


class Checkpoints(Callback):
    """Save `last.ckpt` every so many iterations and at the end, and `best.ckpt` at the best validation.

    Best is the highest PSNR of the stage that the training is for: in an adversarial training the pixel stage does
    not compete, whose PSNR is higher by nature.

    Args:
        folder: Where they go.
        every: Iterations between two of `last.ckpt`.
    """

    def __init__(self, folder: str | Path, every: int) -> None:
        self.folder = Path(folder)
        self.every = every
        self.best_psnr = -float("inf")

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.folder / LAST

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Save, unless a validation follows."""
        if trainer.global_step == trainer.max_steps:
            # Lightning validates before it stops, so the last iteration is always validated.
            trainer.should_stop = True
        if self.due(trainer) and not validates(trainer):
            trainer.save_checkpoint(self.last)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best, and what waited for the validation."""
        if trainer.state.fn != "fit":
            return
        module = restoration(pl_module)
        if module.in_final_stage and module.latest["valid/psnr"] > self.best_psnr:
            self.best_psnr = module.latest["valid/psnr"]
            trainer.save_checkpoint(self.folder / BEST)
        if self.due(trainer):
            trainer.save_checkpoint(self.last)

    def due(self, trainer: Trainer) -> bool:
        """Whether this iteration is one to save at."""
        return trainer.global_step % self.every == 0 or trainer.global_step == trainer.max_steps

    def state_dict(self) -> dict[str, float]:
        """The mark to beat."""
        return {"best_psnr": self.best_psnr}

    def load_state_dict(self, state_dict: Mapping[str, float]) -> None:
        """Take up a saved mark."""
        self.best_psnr = state_dict["best_psnr"]


def validates(trainer: Trainer) -> bool:
    """Whether a validation follows this iteration, which is to be part of its checkpoint."""
    return trainer.should_stop or trainer.global_step % cast(int, trainer.val_check_batch) == 0
