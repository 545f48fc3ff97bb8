"""Restore many image files on all devices of a machine or a cluster, by Lightning's predict loop."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import distributed, nn

from biasgan.inference.any_kind import restore_photo
from biasgan.inference.comparison import compare
from biasgan.inference.early_exit import EarlyExitRBQE
from biasgan.inference.photo import Photo, read_photo, write_photo
from biasgan.inference.plan import Job
from biasgan.inference.progress import RestorationBar
from biasgan.inference.restorer import Restorer, find_device
from biasgan.inference.tiles import Progress
from biasgan.io.files import atomic_write
from biasgan.io.images import ImageError
from biasgan.system.console import quieten_lightning

Thing = TypeVar("Thing")

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


class ReadAhead:
    """Reads files one after another, the next one while the present one is used.

    A file that cannot be read is an item that says so.

    Args:
        jobs: Files to read.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[Item]:
        present = None
        with ThreadPoolExecutor(1) as thread:
            for job in self.jobs:
                coming = thread.submit(self.read, job)
                if present is not None:
                    yield present.result()
                present = coming
            if present is not None:
                yield present.result()

    @staticmethod
    def read(job: Job) -> Item:
        """Read one file."""
        try:
            return Item(job, read_photo(job.source))
        except TROUBLE as error:
            return Item(job, None, said(error, job.source, "cannot be read"))


class Prediction(NamedTuple):
    """A restored photograph, or why there is none."""

    photo: Photo | None
    error: str | None = None


class Restoration(LightningModule):
    """Restores the photographs of one process.

    Args:
        jobs: Files of all processes.
        restorer: Makes a restorer on the device that it is given by name.
        strength: From 0, which leaves photographs as they are, to 1.
        told: After each tile, how many are done, and of how many.
    """

    allow_zero_length_dataloader_with_multiple_devices = True

    def __init__(
        self, jobs: Sequence[Job], restorer: Callable[[str], Restorer], strength: float, told: Progress
    ) -> None:
        super().__init__()
        self.jobs = jobs
        self.make_restorer = restorer
        self.strength = strength
        self.told = told

    def setup(self, stage: str) -> None:
        """Take the network to the device of this process."""
        self.restorer = self.make_restorer(str(self.trainer.strategy.root_device))

    def predict_dataloader(self) -> ReadAhead:
        """The share of this process: every file is met by one process, once."""
        return ReadAhead(self.jobs[self.trainer.global_rank :: self.trainer.world_size])

    def transfer_batch_to_device(self, batch: Item, device: torch.device, dataloader_idx: int) -> Item:
        """Nothing: the restorer takes an image to the device tile by tile."""
        return batch

    def predict_step(self, item: Item, index: int) -> Prediction:
        """Restore one photograph."""
        if item.photo is None:
            return Prediction(None, item.error)
        try:
            restore = partial(self.restorer.restore, progress=self.told)
            return Prediction(restore_photo(restore, item.photo, self.strength))
        except TROUBLE as error:
            return Prediction(None, said(error, item.job.source, "cannot be restored"))


class PhotoWriter(BasePredictionWriter):
    """Writes each photograph in the process that restored it.

    Args:
        overwrite: Whether results that are there are made again.

    Attributes:
        outcomes: Of this process, in order.
    """

    def __init__(self, overwrite: bool) -> None:
        super().__init__("batch")
        self.overwrite = overwrite
        self.outcomes: list[Outcome] = []

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Prediction,
        batch_indices: Sequence[int] | None,
        batch: Item,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write one."""
        self.outcomes.append(self.write(batch, prediction))

    def write(self, item: Item, prediction: Prediction) -> Outcome:
        """Write a photograph and the comparison, those that are not there."""
        source, target, comparison = item.job
        before, (after, error) = item.photo, prediction
        if before is None or after is None:
            return Outcome(source, error=error)
        remarks = before.remarks
        try:
            if self.overwrite or not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                remarks += write_photo(target, after)
            if comparison and (self.overwrite or not comparison.exists()):
                comparison.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(comparison) as temporary:
                    compare(before, after).save(temporary, format="PNG")
        except TROUBLE as trouble:
            return Outcome(source, remarks, said(trouble, target, "cannot be written"))
        return Outcome(source, remarks)


def said(error: Exception, path: Path, failed: str) -> str:
    """What went wrong, in words that name a file."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return reason if str(path) in reason else f"{path} {failed}: {reason}"


class Interrupted(Callback):
    """Remembers that the user stopped the run, since Lightning ends the process with status 1 then."""

    def __init__(self) -> None:
        self.stopped = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Note it."""
        self.stopped = isinstance(exception, KeyboardInterrupt)


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

    With several devices this starts the running command once more for each, as Lightning does. Each file is read,
    restored and written by one process; at any time two are in memory. `exits` of an early-exit RBQE become those of
    all processes.

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
    quieten_lightning()
    # The writer needs none.
    warnings.filterwarnings("ignore", message="Couldn't infer the batch indices")
    # Of metadata; what cannot be kept is told in remarks.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    writer, interrupted, bar = PhotoWriter(overwrite), Interrupted(), RestorationBar(len(jobs))
    own = devices_of(found, devices, len(jobs))
    trainer = Trainer(
        accelerator=found.type,
        devices=own,
        num_nodes=nodes,
        strategy="ddp" if nodes * (own if isinstance(own, int) else 1) > 1 else "auto",
        callbacks=[writer, interrupted, bar],
        logger=False,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Restoration(jobs, lambda name: Restorer(generator, name, precision, tile), strength, bar.tell)
    try:
        trainer.predict(module, return_predictions=False)
    except SystemExit:
        if interrupted.stopped and trainer.is_global_zero:
            raise KeyboardInterrupt from None
        raise
    order = {job.source: index for index, job in enumerate(jobs)}
    outcomes = sorted(gathered(writer.outcomes), key=lambda outcome: order[outcome.source])
    if isinstance(generator, EarlyExitRBQE):
        generator.exits[:] = gathered(generator.exits)
    return outcomes if trainer.is_global_zero else None


def devices_of(device: torch.device, devices: int | None, images: int) -> int | list[int]:
    """What to tell the Trainer: a number of devices, or the one that was asked for.

    Raises:
        ValueError: If there are not so many.
    """
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if ":" in str(device) and device.type != "cpu":
        if devices and devices > 1:
            raise ValueError(f"device={device} is a single one; leave its number out to take {devices}.")
        return [device.index]
    if devices is None:
        return max(1, min(there, images))
    if devices < 1 or (device.type != "cpu" and devices > there):
        raise ValueError(f"devices={devices}: expected from 1 to {there}, as many as there are here.")
    return devices


def gathered(own: Sequence[Thing]) -> list[Thing]:
    """Things of all processes, as each process then has them."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return list(own)
    everybody: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everybody, list(own))
    return [thing for things in everybody for thing in things]
