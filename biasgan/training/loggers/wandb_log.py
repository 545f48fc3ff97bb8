import re
import secrets
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from biasgan.io.files import atomic_write
from biasgan.runs.folder import RunFolder

if TYPE_CHECKING:
    import wandb

OWN = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)")
"""Folders that W&B makes: when a run was begun or gone on with, and its id."""


def kept_id(folder: Path) -> str | None:
    """The id of the W&B run that a run folder was logged to; of earlier runs W&B's own folders know it."""
    kept = RunFolder(folder).wandb_id
    if kept.is_file():
        return kept.read_text().strip() or None
    found = [match.groups() for place in (folder / "wandb").glob("*") if (match := OWN.fullmatch(place.name))]
    return max(found)[1] if found else None


class WandbLog(Logger):
    """Weights & Biases: online where the user is logged in, else offline, never a prompt.

    Curves come in the groups of their names (generator/…, discriminator/…, bias/…, valid/…) over `iteration`.
    Lightning's own logger counts along `trainer/global_step` and leaves the run open.

    Args:
        folder: Run folder. It keeps the run's id, which is drawn at random, so that a resumed training and its
            evaluations go on in the same run; a copy of the folder does too.
        project: Project on the dashboard.
        group: Runs of one sweep share it.
        mode: `auto`, or one of W&B's own: online, offline, disabled.
        id: Of the run, instead of the kept one.
    """

    def __init__(
        self,
        folder: str | Path,
        project: str = "biasgan",
        group: str | None = None,
        mode: str = "auto",
        id: str | None = None,
    ) -> None:
        super().__init__()
        self.folder = Path(folder).resolve()
        self.project = project
        self.group = group
        self.mode = mode
        self.id = id
        self.run: wandb.Run | None = None

    @property
    def name(self) -> str:
        """The project."""
        return self.project

    @property
    def version(self) -> str | None:
        """The run's id, once it is begun."""
        return self.id or kept_id(self.folder)

    @rank_zero_only
    def begin_anew(self) -> None:
        """Log to another run than what was in the folder before."""
        self.keep(self.id or secrets.token_hex(8))

    def keep(self, id: str) -> None:
        """Write the run's id into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(RunFolder(self.folder).wandb_id) as temporary:
            temporary.write_text(f"{id}\n")

    def start(self) -> "wandb.Run":
        """The run at hand, begun if need be."""
        # A second that trainings with other loggers do not take.
        import wandb

        if self.run is None:
            mode = ("online" if wandb.api.api_key else "offline") if self.mode == "auto" else self.mode
            # Not from Python's random numbers, which the training's seed makes the same each time.
            id = self.version or secrets.token_hex(8)
            self.keep(id)
            name = f"{self.folder.parent.name}/{self.folder.name}"
            self.run = wandb.init(
                project=self.project,
                group=self.group,
                dir=self.folder,
                id=id,
                name=name,
                mode=mode,  # pyright: ignore[reportArgumentType] - W&B rejects unknown modes with its own message
                resume="allow",
            )
            self.run.define_metric("iteration", hidden=True)
            self.run.define_metric("*", step_metric="iteration")
        return self.run

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Record the configuration."""
        self.start().config.update(params, allow_val_change=True)  # pyright: ignore[reportUnknownMemberType] - partial stubs

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values with their iteration as the axis: W&B's own step would drop what comes late."""
        self.start().log({"iteration": step, **metrics})

    @rank_zero_only
    def log_picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        """Log a picture, (H, W, 3) uint8: W&B blackens floats in [0, 1]."""
        import wandb

        self.log_metrics({name: wandb.Image(picture)}, step=iteration)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Finish the run, as failed unless `status` is success."""
        if self.run is not None:
            self.run.finish(exit_code=0 if status == "success" else 1)
            self.run = None
