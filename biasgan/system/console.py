import logging
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


def quieten_lightning() -> None:
    """Keep Lightning, once imported, from telling what it does, and from warnings that no user could heed."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its use of PyTorch's tree utilities.
    warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
