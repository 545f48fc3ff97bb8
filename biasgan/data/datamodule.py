import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningDataModule
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader

from biasgan.codecs.codec import Codec, CodecError
from biasgan.data.pairs import Pair, PairDataset, ValidationPairs
from biasgan.data.samplers import IterationSampler, UnrepeatedSampler
from biasgan.data.sets import ImageSet
from biasgan.data.store import Entry, PairStore
from biasgan.files import remove_abandoned
from biasgan.images import ImageError


class CodecPairs(LightningDataModule):
    """Compresses images once, and feeds a training with crops of the pairs and a validation with whole images.

    The training is one epoch of all its iterations. Batches travel as uint8 and become (N, 3, H, W) float32 in
    [0, 1], in channels-last memory format, on the device.

    Args:
        images: Files to train and to validate with.
        codec: Compresses them.
        quality: Within the codec's range.
        store: Folder in which pairs are kept for good; `~` is the home folder.
        patch_size: Side of a training crop in pixels.
        batch_size: Crops in an iteration, of one process.
        iterations: Of the whole training.
        seed: Of image order, crops and flips.
        workers: Processes that cut crops, and threads that compress; 0 does both in the main process.
        bad_images: What to do about files that are unreadable or too small to train with: `stop` names them all in an
            error, `skip` names them and goes on without.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        images: ImageSet,
        codec: Codec,
        quality: int,
        store: str | Path,
        patch_size: int,
        batch_size: int,
        iterations: int,
        seed: int = 0,
        workers: int = 2,
        bad_images: Literal["stop", "skip"] = "stop",
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
        if bad_images not in ("stop", "skip"):
            raise ValueError(f"bad_images must be stop or skip; got {bad_images}.")
        self.images = images
        self.codec = codec
        self.quality = quality
        self.store = PairStore(Path(store), codec, quality)
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.iterations = iterations
        self.seed = seed
        self.workers = workers
        self.bad_images = bad_images
        self.train_entries: list[Entry] = []
        self.valid_entries: list[Entry] = []

    def prepare_data(self) -> None:
        """Make the pairs that are not in the store yet, with a progress bar.

        Raises:
            ImageError: If images are bad, too few are left, or one is in both sets.
            OSError: If the disk is full.
        """
        remove_abandoned(self.store.root)
        self.open_pairs(tell=True)

    def setup(self, stage: str) -> None:
        """Open the pairs.

        Raises:
            ImageError: As `prepare_data`.
        """
        if not self.train_entries:
            self.train_entries, self.valid_entries = self.open_pairs(tell=False)
        # Two warnings of Lightning's that do not hold: mapped pixels need few workers or none, and the sampler resumes.
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")

    def open_pairs(self, tell: bool) -> tuple[list[Entry], list[Entry]]:
        """Entries of both sets, made where they are missing.

        Args:
            tell: Whether to show progress and to name images that are skipped.
        """
        pairs, reasons = self.make_pairs(tell)
        for path in self.images.train:
            pair = pairs.get(path)
            if pair and min(pair.width, pair.height) < self.patch_size:
                reasons[path] = (
                    f"{path} has {pair.width} x {pair.height} pixels, less than patch_size={self.patch_size}."
                )
        listed = "\n".join(reasons[path] for path in sorted(reasons))
        if reasons and self.bad_images == "stop":
            raise ImageError(
                f"{len(reasons)} of the images cannot be used; pairs.bad_images=skip goes on without them.\n{listed}"
            )
        if reasons and tell:
            console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
            console.print(f"{len(reasons)} of the images are skipped:\n{listed}")

        train = [pairs[path] for path in self.images.train if path not in reasons]
        valid = [pairs[path] for path in self.images.valid if path not in reasons or path in pairs]
        for entries, purpose in ((train, "train"), (valid, "validate")):
            if not entries:
                why = f" are left after {len(reasons)} bad ones:\n{listed}" if reasons else "."
                raise ImageError(f"No images to {purpose} with{why}")
        trained = {entry.original: entry.name for entry in train}
        shared = [f"{trained[e.original]} = {e.name}" for e in valid if e.original in trained]
        if shared:
            raise ImageError(
                f"The same picture is in training and in validation: {', '.join(shared)}. Take it out of one of them."
            )
        return train, valid

    def make_pairs(self, tell: bool) -> tuple[dict[Path, Entry], dict[Path, str]]:
        """Entries of all images, and the reasons against those that have none."""
        pairs: dict[Path, Entry] = {}
        reasons: dict[Path, str] = {}
        missing: list[Path] = []
        for path in dict.fromkeys(self.images.train + self.images.valid):
            try:
                entry = self.store.find(path)
            except ImageError as error:
                reasons[path] = str(error)
                continue
            if entry:
                pairs[path] = entry
            else:
                missing.append(path)
        if missing:
            self.compress(missing, pairs, reasons, tell)
        return pairs, reasons

    def compress(self, paths: Sequence[Path], pairs: dict[Path, Entry], reasons: dict[Path, str], tell: bool) -> None:
        """Make pairs of images in several threads, and put them, or the reasons against them, into the mappings."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        pool = ThreadPoolExecutor(max(1, self.workers))
        with Progress(*columns, console=Console(stderr=True), disable=not tell) as progress:
            task = progress.add_task(f"{self.codec.name} {self.quality}", total=len(paths), speed="")
            try:
                futures = {pool.submit(self.store.add, path): path for path in paths}
                for future in as_completed(futures):
                    try:
                        pairs[futures[future]] = future.result()
                    except (ImageError, CodecError) as error:
                        reasons[futures[future]] = str(error)
                    speed = progress.tasks[0].speed
                    progress.update(task, advance=1, speed=f"{speed:.1f} images/s" if speed else "")
            finally:
                pool.shutdown(cancel_futures=True)

    def train_dataloader(self) -> DataLoader[Pair]:
        """Crops from the Trainer's current iteration to the last."""
        start, rank, world_size = self.position
        return DataLoader(
            PairDataset(self.train_entries, self.patch_size, self.batch_size * world_size, self.seed),
            batch_sampler=IterationSampler(self.iterations, start, self.batch_size, rank, world_size),
            # The dataset cuts whole batches; the default would try to stack them.
            collate_fn=Pair._make,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            # Its own, since a loader seeds its workers even where nothing is drawn: the global one stays untouched.
            generator=torch.Generator(),
        )

    def val_dataloader(self) -> DataLoader[Pair]:
        """Whole images, one at a time, each in one process only."""
        _, rank, world_size = self.position
        pairs = ValidationPairs(self.valid_entries)
        return DataLoader(
            pairs,
            sampler=UnrepeatedSampler(len(pairs), rank, world_size),
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
    def valid_images(self) -> int:
        """Number of validation images; after `setup`."""
        return len(self.valid_entries)

    @property
    def validation_names(self) -> list[str]:
        """Names of the validation images by their index, made different by numbers; after `setup`."""
        names: list[str] = []
        met: Counter[str] = Counter()
        for entry in self.valid_entries:
            met[entry.name] += 1
            names.append(entry.name if met[entry.name] == 1 else f"{entry.name}-{met[entry.name]}")
        return names

    @property
    def bits_per_pixel(self) -> float:
        """Mean over the validation images; after `setup`."""
        return sum(entry.bits_per_pixel for entry in self.valid_entries) / len(self.valid_entries)


def to_float(pixels: Tensor) -> Tensor:
    """Pixels, (N, H, W, 3) uint8 → images, (N, 3, H, W) float32 in [0, 1], channels-last in memory."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)
