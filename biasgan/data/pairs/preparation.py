"""Make the pairs of a training ahead of it, or look for damage in them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from rich.filesize import decimal
from rich.table import Table

from biasgan.data.pairs.source import PairSets, PairSource
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.pairs.stored import StoredPairs
from biasgan.data.streaming.storage import Storage
from biasgan.io.listing import counted
from biasgan.system.console import say
from biasgan.system.memory import keep_freed_memory
from biasgan.system.threads import in_threads

ROWS = 64
"""Of an image that are compared at once, so that large images take no more memory than small ones."""


def prepare(pairs: PairSource, measured: Mapping[str, int], to: str | None) -> None:
    """Make pairs, write them elsewhere as chunks if that is asked for, and print what there is then.

    Args:
        pairs: What is to be made.
        measured: As `PairSource.open` takes it.
        to: Folder or address for chunks, or None.

    Raises:
        ValueError: If the pairs are made already, or `to` is no place to write to.
    """
    keep_freed_memory()
    if not isinstance(pairs, StoredPairs):
        raise ValueError("These pairs are made already. check=true looks for damage.")
    if to:
        Storage(to)  # fails before any pair is made where it is no place to write to
    train, valid = pairs.open(least_side=1, tell=True, measured=measured)
    if to:
        # Only here, since it takes half a gigabyte of memory.
        from biasgan.data.streaming.writing import write_chunks

        write_chunks(PairSets(train, valid), pairs.identity, to)
    say(overview(pairs, train, valid), to or pairs.folder)


def check(pairs: PairSource) -> bool:
    """Look for damage, print a line for each bad file, and give back whether there is none."""
    if problems := pairs.check():
        say(*problems, f"{counted(len(problems), 'problem')}.")
        return False
    say("All pairs are as they should be.")
    return True


def overview(pairs: StoredPairs, train: Sequence[StoredEntry], valid: Sequence[StoredEntry]) -> Table:
    """The main figures of a set, for the terminal."""
    entries = [*train, *valid]
    own = [path for entry in entries for path in (entry.compressed, entry.bitstream, entry.record) if path]
    originals = {entry.original for entry in entries}
    decibels = [future.result() for _, future in in_threads(psnr, entries, pairs.threads, "comparing", patience=2)]
    result = Table(title=pairs.title, show_header=False)
    for name, figure in {
        "images": f"{len(entries)}: {len(train)} to train, {len(valid)} to validate",
        "megapixels": f"{sum(entry.width * entry.height for entry in entries) / 1e6:.1f}",
        "bits per pixel": f"{mean(entry.bits_per_pixel for entry in entries):.3f}",
        "PSNR, RGB": f"{mean(decibels):.2f} dB",
        "on disk": f"{disk_use(own)}, and originals {disk_use(originals)}",
        "codec": ", ".join(f"{key} {value}" for key, value in pairs.identity.items()).removeprefix("codec "),
    }.items():
        result.add_row(name, figure)
    return result


def psnr(entry: StoredEntry) -> float:
    """PSNR of a compressed image over its three channels, in dB."""
    compressed, original = (np.load(path, mmap_mode="r") for path in (entry.compressed, entry.original))
    squares = 0
    for top in range(0, entry.height, ROWS):
        difference = compressed[top : top + ROWS].astype(np.int32) - original[top : top + ROWS]
        squares += int(np.square(difference).sum(dtype=np.int64))
    return 10 * math.log10(255**2 * original.size / squares) if squares else math.inf


def disk_use(files: Iterable[Path]) -> str:
    """Size of some files together."""
    return decimal(sum(file.stat().st_size for file in files))
