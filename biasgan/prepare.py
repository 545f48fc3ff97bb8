"""Make the pairs of a training ahead of it: `biasgan prepare data=sample codec=jpeg qf=20`."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.filesize import decimal
from rich.table import Table

from biasgan.cli.config import CONF, plain, register_resolvers
from biasgan.cli.errors import STOPPED, plain_errors
from biasgan.cli.options import as_given, with_absolute_paths
from biasgan.data.pairs.source import PairSets, PairSource
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.pairs.stored import StoredPairs
from biasgan.data.streaming.storage import Storage
from biasgan.io.listing import counted
from biasgan.metrics.sizes import needs
from biasgan.runs.build import build
from biasgan.system.console import say
from biasgan.system.memory import keep_freed_memory
from biasgan.system.threads import in_threads

failed: list[str] = []
"""Options of those that failed, where several sets are made."""

ROWS = 64
"""Of an image that are compared at once, so that large images take no more memory than small ones."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="prepare")
def command(config: DictConfig) -> None:
    """Make or check the pairs that a configuration describes."""
    hydra_settings = HydraConfig.get()
    try:
        # Here too, since Hydra announces what a job raises with all its options.
        with plain_errors():
            settings = plain(with_absolute_paths(config))
            if type(settings["check"]) is not bool:
                raise ValueError(f"check must be true or false; got {settings['check']!r}.")
            (check if settings["check"] else prepare)(settings)
    except SystemExit as ended:
        # Of several the others go on, but not after Ctrl-C.
        if hydra_settings.mode != RunMode.MULTIRUN or ended.code == STOPPED:
            raise
        failed.append(" ".join(hydra_settings.overrides.task))


def prepare(config: Mapping[str, Any]) -> None:
    """Make pairs, write them elsewhere as chunks if that is asked for, and print what there is then.

    Args:
        config: The resolved configuration in plain containers.
    """
    keep_freed_memory()
    pairs = build(PairSource, config["pairs"])
    if not isinstance(pairs, StoredPairs):
        raise ValueError("These pairs are made already. check=true looks for damage.")
    if config["to"]:
        Storage(config["to"])  # fails before any pair is made where it is no place to write to
    train, valid = pairs.open(least_side=1, tell=True, measured=needs(config["metrics"]))
    if config["to"]:
        # Only here, since it takes half a gigabyte of memory.
        from biasgan.data.streaming.writing import write_chunks

        write_chunks(PairSets(train, valid), pairs.identity, config["to"])
    say(table(pairs, train, valid), config["to"] or pairs.folder)


def check(config: Mapping[str, Any]) -> None:
    """Look for damage, print a line for each bad file, and exit with status 1 if there is one."""
    problems = build(PairSource, config["pairs"]).check()
    if problems:
        say(*problems, f"{counted(len(problems), 'problem')}.")
        sys.exit(1)
    say("All pairs are as they should be.")


def table(pairs: StoredPairs, train: Sequence[StoredEntry], valid: Sequence[StoredEntry]) -> Table:
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


def main() -> None:
    """Run from the command line."""
    register_resolvers()
    failed.clear()
    with plain_errors(), TemporaryDirectory(prefix="biasgan-") as scratch:
        # Hydra makes a folder for each job, and a file for several.
        OmegaConf.register_new_resolver("scratch", lambda: scratch, replace=True)
        sys.argv[1:] = as_given(sys.argv[1:])
        command()
    if failed:
        say(f"\n{len(failed)} failed:", *failed, error=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
