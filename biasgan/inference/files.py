"""Restore many image files, on all devices of a machine or a cluster."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torch import nn

from biasgan.inference.any_kind import restore_photo
from biasgan.inference.comparison import compare
from biasgan.inference.devices import Process, devices_of, find_device, processes
from biasgan.inference.early_exit import EarlyExitRBQE
from biasgan.inference.photo import Photo, read_photo, write_photo
from biasgan.inference.plan import Job
from biasgan.inference.restorer import Restorer
from biasgan.inference.tiles import Progress
from biasgan.io.files import atomic_write
from biasgan.io.images import ImageError
from biasgan.system.console import ignore_warnings, progress_bar

TROUBLE = (ImageError, OSError, ImportError, MemoryError, ArithmeticError)
"""What may be wrong with one image and not with the next."""


class Outcome(NamedTuple):
    """What became of a file."""

    source: Path
    remarks: tuple[str, ...] = ()
    """What reading and writing could not keep."""
    error: str | None = None
    """Why there is no result; names the file."""


class Item(NamedTuple):
    """A file as it was read, or why it could not be."""

    job: Job
    photo: Photo | None
    error: str | None = None


def restore_files(
    jobs: Sequence[Job],
    generator: nn.Module,
    *,
    strength: float = 1,
    overwrite: bool = False,
    device: str = "auto",
    devices: int | None = None,
    nodes: int = 1,
    precision: str = "auto",
    tile: int | None = None,
) -> list[Outcome] | None:
    """Restore files and write the results, with a progress bar where there is a terminal.

    With several devices this starts the running command once more for each. Each file is read, restored and written by
    one process; at any time two are in memory. `exits` of an early-exit RBQE become those of all processes.

    Args:
        jobs: Files; the same in all processes.
        generator: As `Restorer` takes it.
        strength: From 0, which leaves photographs as they are, to 1.
        overwrite: Whether results that are there are made again.
        device: As `Restorer` takes it.
        devices: How many of each machine; None for all GPUs, or one CPU, but no more than there are files.
        nodes: Machines, on which a cluster has started this command.
        precision: As `Restorer` takes it.
        tile: As `Restorer` takes it.

    Returns:
        What became of each file, in order; None in all processes but the first.

    Raises:
        KeyboardInterrupt: If the user stopped it; what was written is whole.
        ValueError: If there is no such device, or there are not so many.
    """
    found = find_device(device)
    # Of metadata; what cannot be kept is told in remarks.
    ignore_warnings(category=UserWarning, module="PIL")
    with processes(found, devices_of(found, devices, len(jobs)), nodes) as process:
        restorer = Restorer(generator, process.device, precision, tile)
        shares = process.gathered(restore_share(jobs, process, restorer, strength, overwrite))
        if isinstance(generator, EarlyExitRBQE):
            generator.exits[:] = [exit for exits in process.gathered(list(generator.exits)) for exit in exits]
    if process.number:
        return None
    return [shares[index % process.of][index // process.of] for index in range(len(jobs))]


def restore_share(
    jobs: Sequence[Job], process: Process, restorer: Restorer, strength: float, overwrite: bool
) -> list[Outcome]:
    """Restore the files of one process; the bar shows those of all about, and tiles of the present one."""
    outcomes: list[Outcome] = []
    bar = progress_bar()
    images, tiles = bar.add_task("images", total=len(jobs)), bar.add_task("tiles", total=None, visible=False)

    def tell(done: int, of: int) -> None:
        bar.update(tiles, completed=done, total=of, visible=of > 1)

    with bar if bar.console.is_terminal and process.number == 0 else nullcontext():
        for item in read_ahead(jobs[process.number :: process.of]):
            bar.reset(tiles, total=None, visible=False)
            outcomes.append(restore_item(item, restorer, strength, overwrite, tell))
            bar.update(images, completed=min(len(outcomes) * process.of, len(jobs)))
    return outcomes


def read_ahead(jobs: Sequence[Job]) -> Iterator[Item]:
    """Read files one after another, the next one while the present one is used."""
    coming: deque[Future[Item]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for job in jobs:
            coming.append(thread.submit(read, job))
            if len(coming) > 1:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def read(job: Job) -> Item:
    """Read one file."""
    try:
        return Item(job, read_photo(job.source))
    except TROUBLE as error:
        return Item(job, None, said(error, job.source, "cannot be read"))


def restore_item(item: Item, restorer: Restorer, strength: float, overwrite: bool, tell: Progress) -> Outcome:
    """Restore one photograph, and write it and the comparison where they are not there."""
    source, target, comparison = item.job
    if item.photo is None:
        return Outcome(source, error=item.error)
    try:
        restored = restore_photo(partial(restorer.restore, progress=tell), item.photo, strength)
    except TROUBLE as error:
        return Outcome(source, error=said(error, source, "cannot be restored"))
    remarks = item.photo.remarks
    try:
        if overwrite or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            remarks += write_photo(target, restored)
        if comparison and (overwrite or not comparison.exists()):
            comparison.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(comparison) as temporary:
                compare(item.photo, restored).save(temporary, format="PNG")
    except TROUBLE as error:
        return Outcome(source, remarks, said(error, target, "cannot be written"))
    return Outcome(source, remarks)


def said(error: Exception, path: Path, failed: str) -> str:
    """What went wrong, in words that name a file."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return reason if str(path) in reason else f"{path} {failed}: {reason}"
