from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from rich.progress import Progress
from torch.utils.data import DataLoader

from biasgan.data.dataset import Pair, ValidationPairs
from biasgan.data.pairs.entry import Entry, names_of
from biasgan.data.pairs.source import PairSource
from biasgan.evaluation.kept import Measurement, digest
from biasgan.evaluation.measures import Measures
from biasgan.evaluation.subject import Subject
from biasgan.io.checksums import sha256
from biasgan.system.console import progress_bar
from biasgan.system.memory import release_freed_memory


class Evaluator(LightningModule):
    """Measures each validation image once, on one of the devices of a Trainer's `test`.

    What is measured is kept in a file for each image. Those that are there count if they are of the same pixels and
    measures, so that an evaluation that was interrupted goes on and a repeated one ends at once.

    Args:
        source: Where the pairs come from.
        subject: What is evaluated.
        measures: What is measured.
        folder: Where the files are.

    Attributes:
        entries: The images; after `setup`, as all attributes.
        names: Of the images, all different.
    """

    def __init__(self, source: PairSource, subject: Subject, measures: Measures, folder: Path) -> None:
        super().__init__()
        self.source = source
        self.subject = subject
        self.measures = measures
        self.folder = folder
        self.entries: Sequence[Entry] = []
        self.names: list[str] = []
        self.bar: Progress | None = None

    def prepare_data(self) -> None:
        """Have the pairs made that are missing or damaged, with a progress bar."""
        self.source.open_valid(tell=True)

    def setup(self, stage: str) -> None:
        """Open the pairs."""
        self.entries = self.source.open_valid(tell=False)
        self.names = names_of(self.entries)

    def test_dataloader(self) -> DataLoader[Pair]:
        """Whole images, each in one process only."""
        sampler = range(self.trainer.global_rank, len(self.entries), self.trainer.world_size)
        return DataLoader(ValidationPairs(self.entries), batch_size=None, sampler=sampler, generator=torch.Generator())

    def transfer_batch_to_device(self, batch: Pair, device: torch.device, dataloader_idx: int) -> Pair:
        """Leave pixels where they are: only parts of large images may fit on the device."""
        return batch

    def on_test_start(self) -> None:
        """Get ready on this process's device."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.subject.start(dict(zip(self.names, self.entries, strict=True)), self.device)
        self.measures.to(self.device)
        if self.trainer.is_global_zero:
            self.bar = progress_bar()
            self.bar.add_task("evaluating", total=len(self.entries))
            self.bar.start()

    def test_step(self, batch: Pair, batch_idx: int) -> None:
        """Restore and measure one image unless that was done."""
        release_freed_memory()
        name = self.names[int(batch.index)]
        compressed, original = batch.compressed.numpy(), batch.original.numpy()
        restored = self.subject.restored(name, compressed)
        image = sha256(f"{digest(compressed)} {digest(original)}".encode())
        of = sha256(f"{image} {digest(restored.pixels)} {self.measures.identity}".encode())
        file = self.folder / f"{name}.safetensors"
        known = Measurement.read(file)
        if not known or known.note.get("of") != of:
            values = self.measures.of(compressed, restored.pixels, original)
            if restored.seconds is not None:
                values["seconds"] = torch.tensor(restored.seconds, dtype=torch.float64)
            Measurement(values, {"of": of, "image": image, "device": restored.device}).write(file)
        if self.bar:
            self.bar.update(self.bar.task_ids[0], advance=self.trainer.world_size)

    def on_test_end(self) -> None:
        """Wait until all processes have measured their images."""
        self.close()
        self.trainer.strategy.barrier()

    def close(self) -> None:
        """Close the progress bar."""
        if self.bar:
            self.bar.stop()
            self.bar = None

    def measurements(self) -> list[Measurement]:
        """What was measured on each image, by all processes, in the order of the images.

        Raises:
            FileNotFoundError: If one is missing.
        """
        found: list[Measurement] = []
        for name in self.names:
            file = self.folder / f"{name}.safetensors"
            one = Measurement.read(file)
            if not one:
                raise FileNotFoundError(f"{file} is missing or damaged, though it was written just now.")
            found.append(one)
        return found
