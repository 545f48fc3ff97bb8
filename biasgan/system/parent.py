import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread

PARENT = "BIASGAN_PARENT"
"""Environment variable by which a process tells those that it starts its number."""

PAUSE = 0.2


def own_number() -> dict[str, str]:
    """What the environment of a process must have that is to end with this one."""
    return {PARENT: str(os.getpid())}


@contextmanager
def as_parent() -> Generator[None]:
    """Have the processes that are started within the block know by whom."""
    before = os.environ.get(PARENT)
    os.environ.update(own_number())
    try:
        yield
    finally:
        del os.environ[PARENT]
        if before:
            os.environ[PARENT] = before


def end_with_parent(number: signal.Signals) -> None:
    """Send this process a signal as soon as the one that has started it is gone, killed for example.

    Does nothing in a process that was not told by whom it was started.

    Args:
        number: The signal.
    """
    parent = os.environ.get(PARENT)

    def watch() -> None:
        while os.getppid() == int(parent or 0):
            time.sleep(PAUSE)
        os.kill(os.getpid(), number)

    if parent:
        Thread(target=watch, daemon=True, name="parent-watch").start()
