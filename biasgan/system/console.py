"""What is said in the terminal, in one form, and what libraries are kept from saying there."""

import logging
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

# Filters for warnings belong to the whole process, and images are read by several threads.
_silence = threading.RLock()

WRONG = (
    *(".*LeafSpec", ".*does not have many workers", ".*your dataloader is not resumable"),
    "You have overridden `on_after_batch_transfer`",
)
"""Warnings of Lightning's of its own use of PyTorch, or that do not hold: mapped pixels need few workers or none, our
samplers resume, and data and training that each can make batches are meant to."""


def terminal(error: bool = False) -> Console:
    """The terminal, which prints texts as they are: without markup, coloured numbers or breaks.

    Args:
        error: Whether it is the one for errors, and for what is no result.
    """
    return Console(stderr=error, highlight=False, markup=False, soft_wrap=True)


def say(*things: object, style: str | None = None, error: bool = False) -> None:
    """Print things for the person at the terminal, each on a line of its own; see `terminal`."""
    terminal(error).print(*things, sep="\n", style=style)


def progress_bar(
    *more: ProgressColumn, done: ProgressColumn | None = None, to: Console | None = None, transient: bool = False
) -> Progress:
    """A bar between what is being done, and how much of it is.

    Args:
        more: Columns behind these; by default the time left.
        done: Column of how much; by default numbers, such as 3/10.
        to: Where it is shown; by default where errors are.
        transient: Whether it is taken away at its end.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), done or MofNCompleteColumn())
    console = to or terminal(error=True)
    return Progress(*columns, *(more or (TimeRemainingColumn(),)), console=console, transient=transient)


@contextmanager
def no_warnings(error: type[Warning] | None = None, message: str = "") -> Generator[None]:
    """Keep a library from warning of what nobody here could change; one thread at a time.

    Args:
        error: A kind of warning that is raised instead.
        message: Pattern of the beginning of those that are.
    """
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if error:
            warnings.filterwarnings("error", message, error)
        yield


def ignore_warnings(message: str = "", category: type[Warning] = Warning, module: str = "") -> None:
    """Keep from the whole process what no user could heed; message and module are patterns of their beginnings."""
    warnings.filterwarnings("ignore", message, category, module)


def ignore_wrong_warnings() -> None:
    """Keep Lightning from warnings that do not hold, or that no user could heed."""
    for message in WRONG:
        ignore_warnings(message)


def quieten_lightning() -> None:
    """Keep Lightning, once imported, from telling what it does, too."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    ignore_wrong_warnings()
