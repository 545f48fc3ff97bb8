import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager

# Filters for warnings belong to the whole process, and images are read by several threads.
_silence = threading.Lock()


@contextmanager
def no_warnings() -> Generator[None]:
    """Keep a library from warning of what nobody here could change; one thread at a time."""
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
