import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType

from biasgan.system.console import say

PLAIN = (ValueError, OSError, ArithmeticError, ImportError, RuntimeError)
TRACEBACK = "BIASGAN_TRACEBACK"
VARIABLES = (
    *("AWS_", "BIASGAN_", "HF_", "MPL", "NODE_RANK", "MASTER_", "OMP_", "RANK", "LOCAL_", "SLURM_", "TORCH"),
    *("WANDB_", "WORLD_SIZE", "XDG_"),
)
"""What names of variables begin with where empty is no value; it is one of CUDA_VISIBLE_DEVICES."""
STOPPED = 130
"""Exit status after Ctrl-C and SIGTERM."""

GRACE = 5.0
"""Seconds in which a process that another one's end has made fail waits for what started both to hear of that one."""

OF_GLOO = ("gloo", "pair closure")
"""What is in errors of PyTorch's communication between CPUs, which have no class of their own."""

LOST = (
    "A process of this training ended without a word, or cannot be reached any more; too little memory is a usual "
    "reason. Go on from the last checkpoint with: biasgan train resume=RUN_FOLDER"
)


class TerminationError(KeyboardInterrupt):
    """SIGTERM came, which ends a command as Ctrl-C does."""


@contextmanager
def plain_errors() -> Generator[None]:
    """End a command with one message and exit status 1 where its user can do something about the error.

    SIGTERM ends it as Ctrl-C does, so that what it has begun to write is removed.

    Where PyTorch's elastic agent has started this process as one of several, what is said is left to it: it knows which
    failed first.

    With BIASGAN_TRACEBACK=1 in the environment errors keep their traceback. Variables that are set but empty count as
    unset.
    """
    forget_empty_variables()
    # Otherwise Hydra prints errors itself, those of the system with a traceback.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    print_anything()
    try:
        with sigterm_as_interrupt():
            yield
    except (*PLAIN, *errors_of_hydra(), KeyboardInterrupt) as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        stopped = isinstance(error, KeyboardInterrupt)
        tell("stopped" if stopped else f"error: {lost(error) or said(error) or type(error).__name__}")
        sys.exit(STOPPED if stopped else 1)


def tell(text: str) -> None:
    """Say how a command ends: to its user, or to the agent that has started it."""
    if os.environ.get("TORCHELASTIC_ERROR_FILE"):
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        get_error_handler().record_exception(RuntimeError(text.removeprefix("error: ")))
    else:
        say(f"\n{text}", error=True)


def errors_of_hydra() -> tuple[type[Exception], ...]:
    """What Hydra raises, in a command that uses it."""
    module = sys.modules.get("hydra.errors")
    return (module.HydraException,) if module else ()


def forget_empty_variables() -> None:
    """Unset the variables of this package and of those that it uses that are empty: as folders they would be wrong."""
    for name, value in list(os.environ.items()):
        if not value and name.startswith(VARIABLES):
            del os.environ[name]


def print_anything() -> None:
    """Write what a terminal or file cannot express, such as names that are no UTF-8, as backslashes and numbers."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def sigterm_as_interrupt() -> Generator[None]:
    """Raise `TerminationError` on SIGTERM; in other threads than the first, where Python allows none, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def terminate(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM."""
    raise TerminationError


def lost(error: BaseException) -> str | None:
    """What to say of an error that comes of another process's end, once that had time to say more; else None."""
    from biasgan.training.alone import is_one_of_several

    if not is_one_of_several():
        return None
    from torch.distributed import DistError

    if not isinstance(error, DistError) and not any(word in str(error) for word in OF_GLOO):
        return None
    time.sleep(GRACE)
    return f"{LOST}\nPyTorch says: {error}"


def said(error: BaseException) -> str:
    """What an error says; a loader's process hands its own over as a traceback."""
    text = str(error)
    if "Could not find 'hydra/launcher/submitit_" in text:
        return f"{text}\nThe launchers of submitit need a package of their own: pip install 'biasgan[slurm]'"
    return text.rpartition(f"{type(error).__name__}: ")[2].strip() if "in DataLoader worker" in text else text
