import os
import signal
import time
from multiprocessing import parent_process
from threading import Thread

PARENT = "BIASGAN_PARENT"
"""Environment variable by which a process tells one that it starts its number."""

PAUSE = 0.2


def own_number() -> dict[str, str]:
    """What the environment of a process must have that is to end with this one."""
    return {PARENT: str(os.getpid())}


def end_with_parent(number: signal.Signals) -> None:
    """Send this process a signal as soon as the one that has started it is gone, killed for example.

    Does nothing in a process that neither multiprocessing nor torchrun has started, nor one that told it so.

    Args:
        number: The signal.
    """
    starter = parent_process()
    parent = int(os.environ.get(PARENT, os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0))
    if starter and starter.pid:
        parent = starter.pid

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PAUSE)
        os.kill(os.getpid(), number)

    if parent:
        Thread(target=watch, daemon=True, name="parent-watch").start()
