import gc
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def importing() -> Generator[None]:
    """Import much within the block, such as PyTorch and Lightning: in four fifths of the time, and to be interrupted.

    Raises:
        KeyboardInterrupt: If Ctrl-C or a handled SIGTERM came, also where an import took it for an error of its own.
    """
    with interruptions_kept(), without_collection():
        yield


@contextmanager
def interruptions_kept() -> Generator[None]:
    """Raise at the end of the block what a signal raised in it, since some modules catch all that imports raise."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def handle(number: int, frame: FrameType | None) -> None:
        came.append(number)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def without_collection() -> Generator[None]:
    """Have Python look for no garbage among the million objects that imports make, be it within the block or later."""
    # Once in a process: what later blocks leave may be garbage.
    if "lightning" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
