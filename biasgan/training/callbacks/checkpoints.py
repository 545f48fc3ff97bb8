import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.dataset import Pair
from biasgan.io.files import atomic_write
from biasgan.runs.folder import BEST, LAST, PREVIOUS
from biasgan.training.fidelity import restoration


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write checkpoints to a temporary name, sync and rename: the previous one stays until the new one is whole.

    The `last.ckpt` that is replaced becomes `previous.ckpt`, for the case that the disk damages the new one; unless it
    is of the same iteration, of another training, or damaged itself and therefore not what this training went on from.
    """

    def __init__(self) -> None:
        super().__init__()
        # Files of this training → the iteration that they are of.
        self.known: dict[Path, object] = {}

    def load_checkpoint(
        self, path: str | Path, map_location: object = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint, as Lightning does."""
        content: dict[str, Any] = super().load_checkpoint(path, cast(Any, map_location), weights_only)  # pyright: ignore[reportUnknownMemberType] - untyped in Lightning
        self.known[Path(path).resolve()] = content.get("global_step")
        return content

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: object = None
    ) -> None:
        """Save to a local path, making its folder in the run folder.

        Raises:
            OSError: If the disk is full or read-only, or the run folder gone; whatever was at `path` is still there.
        """
        path = Path(path)
        iteration = checkpoint.get("global_step")
        before = self.known.get(path.resolve(), iteration)
        try:
            # A run folder that somebody has removed is not made again: the log would not be whole. Lightning's
            # ModelCheckpoint, which a user may have added, has deeper folders.
            path.parent.mkdir(exist_ok=True, parents=path.name not in (LAST, BEST))
            with atomic_write(path) as temporary:
                torch.save(checkpoint, temporary)
                if path.name == LAST and before != iteration:
                    link(path, path.with_name(PREVIOUS))
            self.known[path.resolve()] = iteration
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

    The best is that of the stage that the training is for: in an adversarial training the pixel stage does not
    compete, whose PSNR is higher by nature.

    Args:
        folder: Where they go.
        every: Iterations between two of `last.ckpt`.
        metric: Name of the validation's metric that the best is best in.
        mode: `max` or `min`, what is best; by default as the metric says.

    Raises:
        ValueError: If the mode is neither.
    """

    def __init__(self, folder: str | Path, every: int, metric: str = "psnr", mode: str | None = None) -> None:
        if mode not in ("max", "min", None):
            raise ValueError(f"best.mode must be max, min, or null for what the metric says; got {mode!r}.")
        self.folder = Path(folder)
        self.every = every
        self.metric = metric
        self.mode = mode
        self.best: float | None = None

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.folder / LAST

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that the best can be told, and make the folder.

        Raises:
            OSError: If the folder cannot be made.
            ValueError: If the metric is none of the validation's, or does not say what is best.
        """
        metrics = restoration(pl_module).restored_metrics
        if self.metric not in metrics:
            raise ValueError(
                f"best.metric={self.metric} is none of the metrics that the validation has, "
                f"{', '.join(map(str, metrics))}. Set best.metric to one of these, or choose other metrics=."
            )
        better = metrics[self.metric].higher_is_better
        if self.mode is None and better is None:
            raise ValueError(f"Whether a higher {self.metric} is better is not known; set best.mode to max or min.")
        self.mode = self.mode or ("max" if better else "min")
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)

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
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        module = restoration(pl_module)
        value = module.figures.get(f"valid/{self.metric}")
        if module.in_last_stage and value is not None and self.is_best(value):
            self.best = value
            trainer.save_checkpoint(self.folder / BEST)
        if self.due(trainer):
            trainer.save_checkpoint(self.last)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the last iteration, whatever ended the training after it."""
        if trainer.global_step:
            trainer.save_checkpoint(self.last)

    def is_best(self, value: float) -> bool:
        """Whether a value is better than all before."""
        if self.best is None:
            return not math.isnan(value)
        return value > self.best if self.mode == "max" else value < self.best

    def due(self, trainer: Trainer) -> bool:
        """Whether this iteration is one to save at, and surely not the last."""
        return trainer.global_step % self.every == 0 and trainer.global_step < trainer.max_steps

    def state_dict(self) -> dict[str, Any]:
        """The mark to beat, and in what."""
        return {"metric": self.metric, "best": self.best}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up a saved mark, unless it is one in another metric."""
        # Older checkpoints have one in PSNR alone.
        marks = {"psnr": state_dict.get("best_psnr"), state_dict.get("metric"): state_dict.get("best")}
        self.best = marks.get(self.metric)


def validates(trainer: Trainer) -> bool:
    """Whether a validation follows this iteration for sure, which is to be part of its checkpoint."""
    step = trainer.global_step
    return trainer.enable_validation and (step == trainer.max_steps or step % cast(int, trainer.val_check_batch) == 0)
