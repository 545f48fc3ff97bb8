import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from biasgan.io.files import remove_abandoned

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this is the only or first of the processes that train together, as far as the environment says."""
    return all(os.environ.get(rank) in (None, "", "0") for rank in RANKS)


def is_one_of_several() -> bool:
    """Whether a launcher has started this process, maybe with others that train together with it."""
    return any(os.environ.get(rank) for rank in RANKS)


@contextmanager
def alone_in(folder: Path, patience: float) -> Generator[None]:
    """Let one training at a time into a run folder, and remove what a killed one left half-written.

    Of processes that train together the first one stands for all.

    Args:
        folder: Run folder.
        patience: Seconds to wait for another training to end.

    Raises:
        OSError: If the folder cannot be written.
        RuntimeError: If another training is at work there.
    """
    if not is_first_process():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise RuntimeError(
            f"Another training is at work in {folder}. Wait until it ends, or choose another folder with "
            "hydra.run.dir=FOLDER."
        ) from error
    try:
        remove_half_written(folder)
        yield
    finally:
        lock.release()


def remove_half_written(folder: Path) -> None:
    """Remove files of a training in a run folder that nobody writes any more."""
    # Deeper ones are not the training's.
    for place in (folder, folder / "checkpoints"):
        remove_abandoned(place, seconds=0, deep=False)
