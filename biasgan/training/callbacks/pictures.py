from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from biasgan.analysis.patches import most_damaged
from biasgan.analysis.training_figure import run_figure
from biasgan.data.dataset import Pair
from biasgan.io.files import atomic_write
from biasgan.io.images import to_uint8
from biasgan.runs.log import read_log
from biasgan.system.console import say
from biasgan.training.fidelity import restoration, restored_of
from biasgan.training.gan import RestorationGAN
from biasgan.training.loggers.wandb_log import WandbLog

GAIN = 6
NAMES = ("compressed", "restored", "original", f"{GAIN} |restored - compressed|", f"{GAIN} |original - compressed|")
PANEL = 256
"""Side of a panel in pixels: twice that of a usual crop."""
GAP, LINE = 8, 24


class Curves(Callback):
    """Draw `curves.png` from the log at every validation: loss terms, PSNR, realism.

    Args:
        log: The CSV log.
        path: The picture.
    """

    def __init__(self, log: str | Path, path: str | Path) -> None:
        self.log_path = Path(log)
        self.path = Path(path)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what the log holds so far."""
        rows = read_log(self.log_path) if trainer.is_global_zero else []
        if rows:
            figure = run_figure(rows, pl_module.pretrain_iterations if isinstance(pl_module, RestorationGAN) else 0)
            with picture_write(self.path) as temporary:
                figure.savefig(temporary, format="png")  # pyright: ignore[reportUnknownMemberType] - partial stubs


class Previews(Callback):
    """Draw `preview.png` at every validation: the same crops, compressed, restored, original and their differences.

    Of each of the first validation images the crop is shown that compression damaged most.

    Args:
        path: The picture.
        images: How many validation images are shown.
        size: Largest side of a crop in pixels.
    """

    def __init__(self, path: str | Path, images: int = 3, size: int = 128) -> None:
        self.path = Path(path)
        self.images = images
        self.size = size
        self.rows: list[dict[str, Tensor]] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self.rows = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Pair,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep a crop of one image."""
        if trainer.is_global_zero and len(self.rows) < self.images:
            images = {"compressed": batch.compressed, "restored": restored_of(outputs), "original": batch.original}
            size = min(self.size, *batch.original.shape[-2:])
            _, crops = most_damaged(images, size)
            self.rows.append({name: crop.float().cpu() for name, crop in crops.items()})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, write and log the picture."""
        if not trainer.is_global_zero:
            return
        module = restoration(pl_module)
        picture = draw(self.rows, f"iteration {module.iteration}")
        with picture_write(self.path) as temporary:
            Image.fromarray(picture).save(temporary, format="PNG")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLog):
                logger.log_picture("valid/preview", picture, module.iteration)
            elif isinstance(logger, TensorBoardLogger):
                add_image = cast(Callable[..., None], logger.experiment.add_image)  # pyright: ignore[reportUnknownMemberType] - optional
                add_image("valid/preview", picture, module.iteration, dataformats="HWC")


def draw(rows: list[dict[str, Tensor]], title: str) -> np.ndarray:
    """Draw one row of panels for each set of crops.

    Args:
        rows: For each row the crops (3, S, S) in [0, 1] named compressed, restored and original.
        title: Written above.

    Returns:
        (H, W, 3) uint8.
    """
    step = PANEL + GAP
    picture = Image.new("RGB", (len(NAMES) * step + GAP, 2 * LINE + len(rows) * step), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    pen.text((picture.width / 2, GAP), title, "black", font, anchor="mt")
    for column, name in enumerate(NAMES):
        pen.text((GAP + column * step + PANEL / 2, 2 * LINE - GAP), name, "black", font, anchor="ms")
    for row, crops in enumerate(rows):
        compressed, restored, original = crops["compressed"], crops["restored"], crops["original"]
        differences = [GAIN * (image - compressed).abs() for image in (restored, original)]
        for column, image in enumerate([compressed, restored, original, *differences]):
            panel = Image.fromarray(to_uint8(image)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
            picture.paste(panel, (GAP + column * step, 2 * LINE + row * step))
    return np.asarray(picture)


@contextmanager
def picture_write(path: Path) -> Generator[Path]:
    """Write a picture of a training as `atomic_write` does; where that fails say so, and let the training go on.

    Args:
        path: The picture.
    """
    try:
        with atomic_write(path) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or error
        say(f"{path} could not be written: {reason}. The training goes on without.", style="yellow")
