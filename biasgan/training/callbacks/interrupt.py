import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.dataset import Pair
from biasgan.system.console import say
from biasgan.training.callbacks.checkpoints import validates

Handler = Callable[[int, FrameType | None], object] | int | None


class InterruptedTrainingError(RuntimeError):
    """The training was asked to stop and has saved itself."""


class Interrupt(Callback):
    """On Ctrl-C or SIGTERM finish the iteration with its validation, save and stop; a second Ctrl-C stops at once.

    Where something handles SIGUSR1 or SIGUSR2, as Lightning and submitit do to queue a job of SLURM's again before its
    time is up, that is done after the iteration too, and with a checkpoint.

    Args:
        checkpoint: Where to save.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.checkpoint = Path(checkpoint)
        self.asked = False
        self.speaks = True
        self.warned: signal.Signals | None = None
        self.handlers: dict[signal.Signals, Handler] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals."""
        self.speaks = trainer.is_global_zero
        for number in (signal.SIGINT, signal.SIGTERM):
            self.handlers[number] = signal.signal(number, self.ask)
        # Windows has none of these.
        for number in (number for number in signal.Signals if number.name in ("SIGUSR1", "SIGUSR2")):
            if callable(signal.getsignal(number)):
                self.handlers[number] = signal.signal(number, self.warn)

    def warn(self, number: int, frame: FrameType | None) -> None:
        """Note that the job is to be queued again."""
        self.warned = signal.Signals(number)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Note the wish, and leave a second one to the previous handler."""
        self.asked = True
        self.release()
        # A launcher that sends SIGTERM has no use for words, and sends it too where another process has failed.
        if self.speaks and number == signal.SIGINT:
            say("\nStopping after this iteration; Ctrl-C again stops at once.")

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Heed a signal, unless a validation follows.

        Raises:
            InterruptedTrainingError: As `heed`.
        """
        if not validates(trainer) and trainer.global_step < trainer.max_steps:
            self.heed(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Heed a signal of before the validation.

        Raises:
            InterruptedTrainingError: As `heed`.
        """
        # The last iteration ends the training anyway.
        if trainer.state.fn == "fit" and trainer.global_step < trainer.max_steps:
            self.heed(trainer)

    def heed(self, trainer: Trainer) -> None:
        """Save and stop if asked to, or leave the rest to the scheduler.

        Raises:
            InterruptedTrainingError: Says where the checkpoint is and how to go on.
        """
        decide = trainer.strategy.reduce_boolean_decision
        if not decide(bool(self.asked or self.warned), all=False):
            return
        trainer.save_checkpoint(self.checkpoint)
        if decide(self.asked, all=False):
            run = self.checkpoint.parent.parent
            raise InterruptedTrainingError(
                f"Stopped at iteration {trainer.global_step} of {trainer.max_steps} and saved. Go on with: "
                f"biasgan train {shlex.quote(f'resume={run}')}"
            )
        if self.warned:
            handler, number = self.handlers[self.warned], self.warned
            self.warned = None
            if callable(handler):
                handler(number, None)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back, and say what an interruption at once leaves."""
        self.release()
        if isinstance(exception, KeyboardInterrupt) and self.speaks:
            saved = self.checkpoint.exists()
            run = self.checkpoint.parent.parent
            go_on = f"Go on from the last checkpoint with: biasgan train {shlex.quote(f'resume={run}')}"
            say("\nStopped at once. " + (go_on if saved else "There is no checkpoint yet; run the command again."))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back, before Lightning does the same with its own."""
        self.release()
