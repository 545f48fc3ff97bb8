from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class RestorationBar(Callback):
    """Show images that are done, of all processes about, and tiles of the present one; nothing without a terminal.

    Args:
        images: Of all processes.
    """

    def __init__(self, images: int) -> None:
        self.images = images
        self.progress: Progress | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar."""
        console = Console(stderr=True)
        if trainer.is_global_zero and console.is_terminal:
            self.progress = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                console=console,
            )  # fmt: skip
            self.progress.add_task("images", total=self.images)
            self.progress.add_task("tiles", total=None, visible=False)
            self.progress.start()

    def on_predict_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Begin an image."""
        if self.progress is not None:
            self.progress.reset(self.progress.task_ids[1], total=None, visible=False)

    def tell(self, done: int, of: int) -> None:
        """Show how many tiles of an image are done, and of how many."""
        if self.progress is not None:
            self.progress.update(self.progress.task_ids[1], completed=done, total=of, visible=of > 1)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Advance."""
        if self.progress is not None:
            done = min((batch_idx + 1) * trainer.world_size, self.images)
            self.progress.update(self.progress.task_ids[0], completed=done)

    def close(self) -> None:
        """Close the bar."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar at the end."""
        self.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Close the bar before an error is printed."""
        self.close()
