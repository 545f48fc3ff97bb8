import signal
from collections.abc import Mapping, Sequence

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from biasgan.data.dataset import Pair, PairDataset, ValidationPairs
from biasgan.data.pairs.entry import Entry, fingerprint, fingerprint_of_originals
from biasgan.data.pairs.source import PairSource
from biasgan.data.samplers import IterationSampler
from biasgan.system.console import ignore_wrong_warnings
from biasgan.system.parent import end_with_parent


class RestorationData(LightningDataModule):
    """Feeds a training with crops of pairs and a validation with whole images.

    The training is one epoch of all its iterations. Batches travel as uint8 and become (N, 3, H, W) float32 in
    [0, 1], in channels-last memory format, on the device.

    Args:
        source: Where the pairs come from.
        patch_size: Side of a training crop in pixels.
        batch_size: Crops in an iteration, of one process.
        iterations: Of the whole training.
        seed: Of image order, crops and flips.
        workers: Processes that cut crops; 0 cuts in the main process.

    Attributes:
        measured: Name of a metric → shortest side of validation images that it takes, in pixels; to be set before
            they are opened.

    Raises:
        ValueError: If a number is out of its range.

    Examples:
        >>> from pathlib import Path
        >>> from biasgan import JPEG, CodedPairs, ImageSet, RestorationData
        >>> images = ImageSet(train=sorted(Path("train").glob("*.png")), valid=sorted(Path("valid").glob("*.png")))
        >>> pairs = CodedPairs(images, JPEG(), 20, store="~/.cache/biasgan")
        >>> data = RestorationData(pairs, patch_size=128, batch_size=16, iterations=1000)
        >>> trainer.fit(gan, datamodule=data)  # doctest: +SKIP
    """

    def __init__(
        self,
        source: PairSource,
        patch_size: int,
        batch_size: int,
        iterations: int,
        seed: int = 0,
        workers: int = 2,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("patch_size", patch_size, 1),
            ("batch_size", batch_size, 1),
            ("iterations", iterations, 0),
            ("seed", seed, 0),
            ("workers", workers, 0),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}; got {value}.")
        self.source = source
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.iterations = iterations
        self.seed = seed
        self.workers = workers
        self.measured: Mapping[str, int] = {}
        self.train_entries: Sequence[Entry] = []
        self.valid_entries: Sequence[Entry] = []

    def prepare_data(self) -> None:
        """Have the pairs made that are missing or damaged, with a progress bar.

        Raises:
            ImageError: If images are bad, too few are left, or one is in both sets.
            OSError: If the disk is full.
        """
        self.source.open(self.patch_size, True, self.measured)

    def setup(self, stage: str) -> None:
        """Open the pairs.

        Raises:
            ImageError: As `prepare_data`.
        """
        if not self.train_entries:
            self.train_entries, self.valid_entries = self.source.open(self.patch_size, False, self.measured)
        ignore_wrong_warnings()

    def train_dataloader(self) -> DataLoader[Pair]:
        """Crops from the Trainer's current iteration to the last."""
        start, rank, world_size = self.position
        order = self.source.order(self.train_entries, self.seed)
        return DataLoader(
            PairDataset(self.train_entries, self.patch_size, self.batch_size * world_size, order),
            batch_sampler=IterationSampler(self.iterations, start, self.batch_size, rank, world_size),
            # The dataset cuts whole batches; the default would try to stack them.
            collate_fn=Pair._make,
            num_workers=self.workers,
            worker_init_fn=end_with_training,
            pin_memory=torch.cuda.is_available(),
            # Its own, since a loader seeds its workers even where nothing is drawn: the global one stays untouched.
            generator=torch.Generator(),
        )

    def val_dataloader(self) -> DataLoader[Pair]:
        """Whole images, one at a time, each in one process only.

        A process that none is left for is lent the first, since all have to take part in a validation.
        """
        _, rank, world_size = self.position
        pairs = ValidationPairs(self.valid_entries)
        return DataLoader(
            pairs,
            sampler=range(rank, len(pairs), world_size) or [0],
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),
        )

    @property
    def position(self) -> tuple[int, int, int]:
        """Iterations done, rank and number of processes."""
        if self.trainer is None:
            return 0, 0, 1
        return self.trainer.global_step, self.trainer.global_rank, self.trainer.world_size

    def on_after_batch_transfer(self, batch: Pair, dataloader_idx: int) -> Pair:
        """Turn pixels, (N, H, W, 3) uint8, into images, (N, 3, H, W) float32 in [0, 1], where they are."""
        return Pair(to_float(batch.compressed), to_float(batch.original), batch.index)

    @property
    def train_images(self) -> int:
        """Number of images to train with; after `setup`."""
        return len(self.train_entries)

    @property
    def fingerprint(self) -> str:
        """Hash of all pairs, which tells whether another training had the same; after `setup`.

        Pairs of a store and the same ones in chunks have different hashes.
        """
        return fingerprint(self.train_entries, self.valid_entries)

    @property
    def originals_fingerprint(self) -> str:
        """Hash of all originals, the same for all codecs and qualities; after `setup`."""
        return fingerprint_of_originals(self.train_entries, self.valid_entries)


def end_with_training(worker: int) -> None:
    """End a loader's process as soon as its training is killed, whose lock on the run folder it has inherited."""
    end_with_parent(getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has but the latter


def to_float(pixels: Tensor) -> Tensor:
    """Pixels, (N, H, W, 3) uint8 → images, (N, 3, H, W) float32 in [0, 1], channels-last in memory."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)
