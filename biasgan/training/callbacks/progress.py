from datetime import timedelta
from typing import cast

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import Progress, TextColumn

from biasgan.data.dataset import Pair
from biasgan.system.console import progress_bar, terminal
from biasgan.training.callbacks.throughput import Throughput
from biasgan.training.fidelity import restoration


class ProgressBar(Callback):
    """Show the stage, iterations done, how fast it goes, time left and the newest figures.

    Where nobody watches, as in a job's log, a line says so at each validation.
    """

    def __init__(self) -> None:
        self.console = terminal()
        self.progress: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar."""
        if trainer.is_global_zero and (self.console.is_terminal or self.console.is_jupyter):
            self.progress = progress_bar(TextColumn("{task.fields[figures]}"), to=self.console)
            self.progress.add_task("", total=trainer.max_steps, completed=trainer.global_step, figures="")
            self.progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Advance."""
        if self.progress is not None:
            module = restoration(pl_module)
            self.progress.update(
                self.progress.task_ids[0],
                description=module.stage.name,
                completed=module.iteration,
                figures=figures(trainer),
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print a line where there is no bar."""
        if self.progress is None and trainer.is_global_zero and trainer.state.fn == "fit":
            module = restoration(pl_module)
            done = f"iteration {module.iteration} of {trainer.max_steps}"
            self.console.print(f"{done}, {module.stage.name}: {figures(trainer)}")

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


def figures(trainer: Trainer) -> str:
    """The newest figures in words: speed and time left where they are measured, and quality."""
    callbacks = cast(list[Callback], trainer.callbacks)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - set where pyright does not look
    words: list[str] = []
    for speed in (callback.figures for callback in callbacks if isinstance(callback, Throughput)):
        if speed:
            left = timedelta(seconds=round(speed["throughput/seconds_left"]))
            words.append(f"{speed['throughput/images_per_second']:.3g} images/s")
            words.append(f"{speed['throughput/data_wait']:.0%} waiting for data")
            words.append(f"{left} left")
    latest = restoration(trainer.lightning_module).latest
    return "  ".join([*words, *(f"{label} {latest[name]:.3g}" for name, label in FIGURES if name in latest)])
