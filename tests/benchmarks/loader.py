"""Samples a second, by our loader and by other ways: `python -m tests.benchmarks.loader`."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

import kornia.augmentation as augmentation
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from biasgan.codecs.jpeg import JPEG
from biasgan.data.datamodule import RestorationData, to_float
from biasgan.data.dataset import Crop, cut
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.entry import Entry
from biasgan.data.samplers import IterationSampler
from biasgan.data.sets import ImageSet, sample
from biasgan.io.images import read_image, write_png
from biasgan.system.memory import keep_freed_memory

PATCH, BATCH, WORKERS, IMAGES = 128, 16, 2, 36
SIZES = ((1356, 2040), (339, 510))


def make_images(folder: Path, height: int, width: int) -> ImageSet:
    """Tiled sample photographs with noise, so that no two are alike."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    photographs = [read_image(path) for path in sample().train]
    files: list[Path] = []
    for number in range(IMAGES):
        photograph = photographs[number % len(photographs)]
        tiles = (-(-height // photograph.shape[0]), -(-width // photograph.shape[1]), 1)
        noise = rng.integers(-4, 5, (height, width, 3))
        image = np.clip(np.tile(photograph, tiles)[:height, :width] + noise, 0, 255).astype(np.uint8)
        files.append(folder / f"{number:02}.png")
        write_png(files[-1], image)
    return ImageSet(files[2:], files[:2])


class DecodedPairs(Dataset[tuple[Tensor, Tensor]]):
    """The usual way: decode two PNG files for each sample, then crop."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        file = self.files[index % len(self.files)]
        rng = np.random.default_rng(index)
        images = [read_image(file), read_image(file)]
        height, width = images[0].shape[:2]
        top, left = rng.integers(height - PATCH + 1), rng.integers(width - PATCH + 1)
        compressed, original = (torch.from_numpy(i[top : top + PATCH, left : left + PATCH].copy()) for i in images)
        return compressed, original


def bare_loop(entries: Sequence[Entry], batches: int, dtype: torch.dtype) -> Iterable[Tensor]:
    """Slices of maps that are open already, unturned, in this process."""
    maps = [entry.pixels() for entry in entries]
    rng = np.random.default_rng(0)
    for _ in range(batches):
        batch = torch.empty((2, BATCH, PATCH, PATCH, 3), dtype=torch.uint8)
        for place in range(BATCH):
            pair = maps[rng.integers(len(maps))]
            height, width = pair[0].shape[:2]
            top, left = rng.integers(height - PATCH + 1), rng.integers(width - PATCH + 1)
            for side in range(2):
                batch[side, place].numpy()[:] = pair[side][top : top + PATCH, left : left + PATCH]
        yield batch if dtype == torch.uint8 else to_float(batch.flatten(0, 1))


def rate(batches: Iterable[object], count: int, warm: int = 20) -> float:
    """Samples a second after the first batches."""
    iterator = iter(batches)
    for _ in islice(iterator, warm):
        pass
    started = time.perf_counter()
    delivered = sum(1 for _ in islice(iterator, count))
    return BATCH * delivered / (time.perf_counter() - started)


def seconds(function: Callable[[], object], repeats: int = 30) -> float:
    """Time of one call, the fastest of several."""
    times: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def loaders(folder: Path, height: int, width: int) -> dict[str, float]:
    """Samples a second of each way, from images of one size."""
    images = make_images(folder / f"images-{height}", height, width)
    source = CodedPairs(images, JPEG(), 20, folder / f"store-{height}")
    module = RestorationData(source, PATCH, BATCH, 10**6, workers=WORKERS)
    module.prepare_data()
    module.setup("fit")
    ours = module.train_dataloader()
    alone = DataLoader(
        ours.dataset, batch_sampler=IterationSampler(10**6, 0, BATCH, 0, 1), collate_fn=ours.collate_fn, num_workers=0
    )
    decoded = DataLoader(DecodedPairs(images.train), BATCH, num_workers=WORKERS)
    return {
        f"ours, {WORKERS} workers, uint8": rate(ours, 1000),
        f"ours, {WORKERS} workers, then float": rate((module.on_after_batch_transfer(b, 0) for b in ours), 1000),
        "ours, no workers, uint8": rate(alone, 300),
        f"two PNG decoded per sample, {WORKERS} workers": rate(decoded, max(4, 400_000 // (height * width) * 4), 2),
        "bare loop over open maps, uint8": rate(bare_loop(module.train_entries, 320, torch.uint8), 300),
        "bare loop over open maps, float": rate(bare_loop(module.train_entries, 320, torch.float32), 300),
    }


class Transposition(augmentation.AugmentationBase2D):
    """kornia has flips and rotations; a transposition has to be written."""

    def compute_transformation(self, input: Tensor, params: dict[str, Tensor], flags: dict[str, object]) -> Tensor:
        return torch.eye(3).expand(len(input), 3, 3)

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, object], transform: Tensor | None = None
    ) -> Tensor:
        return input.transpose(-1, -2)


def turning() -> dict[str, float]:
    """Microseconds a sample to turn a pair of crops."""
    pixels = np.random.default_rng(0).integers(0, 256, (2 * BATCH, PATCH, PATCH, 3), dtype=np.uint8)
    out = np.empty_like(pixels)
    images = to_float(torch.from_numpy(pixels))
    pairs = torch.cat(images.chunk(2), dim=1)
    flips = nn.Sequential(augmentation.RandomHorizontalFlip(p=0.5), augmentation.RandomVerticalFlip(p=0.5))
    flips_and_transposition = nn.Sequential(flips, Transposition(p=0.5))

    def slices(turned: bool) -> None:
        for place in range(2 * BATCH):
            if turned:
                cut(pixels[place], Crop(0, 0, place % 8), PATCH, out[place])
            else:
                out[place] = pixels[place]

    calls: dict[str, Callable[[], object]] = {
        "a plain copy of the crops": lambda: slices(False),
        "ours: turned while they are copied": lambda: slices(True),
        "kornia: flips alone, on the batch": lambda: flips(pairs),
        "kornia: flips and a transposition, on the batch": lambda: flips_and_transposition(pairs),
    }
    return {name: 1e6 * seconds(call) / BATCH for name, call in calls.items()}


def main() -> None:
    console = Console()
    # As in a training, where the threads are busy with the networks and the allocator is told to keep memory.
    torch.set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        figures = {size: loaders(Path(folder), *size) for size in SIZES}
    table = Table(title=f"samples a second: pairs of {PATCH} x {PATCH}, batches of {BATCH}")
    table.add_column("way")
    for height, width in SIZES:
        table.add_column(f"{width} x {height}", justify="right")
    for name in figures[SIZES[0]]:
        table.add_row(name, *(f"{figures[size][name]:,.0f}" for size in SIZES))
    console.print(table)
    table = Table("way", "µs a sample", title="flips and transposition of a pair")
    for name, figure in turning().items():
        table.add_row(name, f"{figure:.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
