"""Resident memory of a loader that runs over a store of 6 GB: `python -m tests.benchmarks.memory`."""

import os
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from torch.utils.data import DataLoader

from biasgan.data.dataset import Pair, PairDataset
from biasgan.data.order import ImageOrder
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.samplers import IterationSampler

HEIGHT, WIDTH, IMAGES, BATCH, ITERATIONS = 1356, 2040, 360, 16, 600


def resident(process: int | str) -> dict[str, float]:
    """GiB of a process: its own, with batches in shared memory, and pages of mapped files."""
    status = Path(f"/proc/{process}/status").read_text()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Rss")}
    return {
        "own": (kilobytes["RssAnon"] + kilobytes["RssShmem"]) / 2**20,
        "mapped": kilobytes["RssFile"] / 2**20,
    }


def children() -> list[str]:
    """Process numbers of the workers."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def main() -> None:
    console = Console()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        entries: list[StoredEntry] = []
        for number in range(IMAGES):
            files = [Path(folder) / f"{side}-{number}.npy" for side in ("original", "compressed")]
            for file in files:
                np.save(file, rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
            entries.append(StoredEntry(str(number), WIDTH, HEIGHT, 8, 20, files[0], files[1], None, files[0], "", ""))
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 2**30
        before = resident("self")["own"]
        loader: DataLoader[Pair] = DataLoader(
            PairDataset(entries, 128, BATCH, ImageOrder([IMAGES], 1, 0)),
            batch_sampler=IterationSampler(ITERATIONS, 0, BATCH, 0, 1),
            collate_fn=Pair._make,
            num_workers=2,
        )
        peak = {"own": 0.0, "mapped": 0.0}
        for number, _ in enumerate(loader):
            if number % 50 == 0 or number == ITERATIONS - 1:
                each = [resident(process) for process in ("self", *children())]
                peak = {key: max(peak[key], sum(one[key] for one in each)) for key in peak}
        console.print(
            f"store {size:.1f} GiB, {ITERATIONS * BATCH} samples; this process before: {before:.2f} GiB; "
            f"peak of it and its workers: {peak['own']:.2f} GiB of their own, {peak['mapped']:.2f} GiB mapped files"
        )


if __name__ == "__main__":
    main()
