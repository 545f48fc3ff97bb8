import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from hydra.errors import HydraException, InstantiationException
from rich.console import Console

from biasgan.peers import first_to_fail, lost

PLAIN = (HydraException, ValueError, OSError, ArithmeticError, ImportError, RuntimeError)
TRACEBACK = "BIASGAN_TRACEBACK"
STOPPED = 130
"""Exit status after Ctrl-C."""


@contextmanager
def plain_errors() -> Generator[None]:
    """End a command with one message and exit status 1 where its user can do something about the error.

    Of several processes that train together the first to fail has the word.

    With BIASGAN_TRACEBACK=1 in the environment errors keep their traceback.
    """
    # Otherwise Hydra prints errors itself, those of the system with a traceback.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except (*PLAIN, KeyboardInterrupt) as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        # Hydra wraps what a constructor raised into an error that quotes all arguments.
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        stopped = isinstance(error, KeyboardInterrupt)
        text = "stopped" if stopped else f"error: {lost(cause) or said(cause) or type(cause).__name__}"
        if first_to_fail():
            Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"\n{text}")
        sys.exit(STOPPED if stopped else 1)


def said(error: BaseException) -> str:
    """What an error says; a loader's process hands its own over as a traceback."""
    text = str(error)
    return text.rpartition(f"{type(error).__name__}: ")[2].strip() if "in DataLoader worker" in text else text
