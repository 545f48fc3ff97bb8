import time

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from biasgan.data.pairs import Pair
from biasgan.training.fidelity import restoration


class ProgressBar(Callback):
    """Show the stage, iterations done, images a second, time left and the newest figures."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.started = 0.0
        self.images = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar."""
        if trainer.is_global_zero:
            self.progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
            )
            done = trainer.global_step
            self.progress.add_task("", total=trainer.max_steps, completed=done, speed="", figures="")
            self.progress.start()
            self.started = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Advance."""
        if self.progress is None:
            return
        module = restoration(pl_module)
        self.images += len(batch.original) * trainer.world_size
        self.progress.update(
            self.progress.task_ids[0],
            description=module.stage,
            completed=module.iteration,
            speed=f"{self.images / (time.monotonic() - self.started):.0f} images/s",
            figures="  ".join(f"{label} {module.latest[name]:.3g}" for name, label in FIGURES if name in module.latest),
        )

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


FIGURES = (("valid/psnr", "PSNR"), ("valid/compressed_psnr", "compressed"), ("bias/deviation", "deviation %"))
