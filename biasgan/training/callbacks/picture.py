from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from biasgan.io.files import atomic_write


@contextmanager
def picture_write(path: Path) -> Generator[Path]:
    """Write a picture of a training as `atomic_write` does; where that fails say so, and let the training go on.

    Args:
        path: The picture.

    Yields:
        The temporary path.
    """
    try:
        with atomic_write(path) as temporary:
            yield temporary
    except OSError as error:
        console = Console(soft_wrap=True, highlight=False, markup=False)
        reason = error.strerror or error
        console.print(f"{path} could not be written: {reason}. The training goes on without.", style="yellow")
