import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Generator[None]:
    """Import within the block in four fifths of the time.

    PyTorch and Lightning make a million objects, none of them garbage: Python is not to look for any among them, be it
    within the block or later.
    """
    # Once in a process: what later blocks leave may be garbage.
    if gc.get_freeze_count():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
