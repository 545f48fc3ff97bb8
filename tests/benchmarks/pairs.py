"""Images a second that are made into pairs, and the memory of it: `python -m tests.benchmarks.pairs`."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from biasgan.codecs.jpeg import JPEG
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.sets import ImageSet, folder
from biasgan.io.images import read_image
from biasgan.system.memory import keep_freed_memory

HEIGHT, WIDTH, QUALITY, IMAGES, ROUNDS = 1356, 2040, 20, 100, 3


def make_images(root: Path) -> None:
    """Images of the loader's benchmark, which needs PyTorch; this process must not."""
    code = "import sys, pathlib; from . import loader; loader.IMAGES = int(sys.argv[2]); "
    code += f"loader.make_images(pathlib.Path(sys.argv[1]), {HEIGHT}, {WIDTH})"
    subprocess.run([sys.executable, "-c", code, str(root), str(IMAGES)], check=True)


def bare(images: ImageSet) -> None:
    """The codec alone: read, encode, decode."""
    codec = JPEG()
    for file in images.train + images.valid:
        codec.encode(read_image(file), QUALITY)


def pairs(images: ImageSet, store: Path, workers: int) -> None:
    """Pairs as the command makes them."""
    keep_freed_memory()
    CodedPairs(images, JPEG(), QUALITY, store, workers).open(1, tell=True)


def seconds(function: Callable[[], object], cores: int) -> float:
    """Time of a call in a fresh process on some cores."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (function, cores))


def timed(function: Callable[[], object], cores: int) -> float:
    """Time of a call on some cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def most_memory(root: Path, store: Path) -> float:
    """Most resident memory of the command in MiB."""
    command = [sys.executable, "-m", "biasgan.prepare", "data=folder", f"data.root={root}", f"qf={QUALITY}"]
    process = subprocess.Popen([*command, f"pairs.store={store}"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 2**10


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        root, store = Path(scratch) / "images", Path(scratch) / "store"
        make_images(root)
        memory = most_memory(root, store)
        images = folder(root)
        ways: dict[str, list[float]] = {"bare codec, one core": [], "pairs, one core": [], "pairs, two cores": []}
        for _ in range(ROUNDS):
            ways["bare codec, one core"].append(seconds(partial(bare, images), 1))
            for cores, name in ((1, "pairs, one core"), (2, "pairs, two cores")):
                # The system hands out the pages of the last round's files again: a machine's very first cost more.
                shutil.rmtree(store)
                ways[name].append(seconds(partial(pairs, images, store, cores), cores))
        table = Table("way", "images/s", "times the bare codec", title=f"JPEG {QUALITY}, {WIDTH} x {HEIGHT}")
        for name, times in ways.items():
            rate = IMAGES / median(times)
            table.add_row(name, f"{rate:.2f}", f"{median(ways['bare codec, one core']) / median(times):.2f}")
        console.print(table)
        console.print(f"most resident memory of biasgan.prepare, {IMAGES} images: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
