"""Damaged metadata against the whole of `enhance`: `python -m tests.fuzz.metadata --cases 5000 --seed 0`.

Pixels are good, and what stands beside them is damaged. Files come in batches, with a good file at the end of each.
"""

import argparse
import contextlib
import io
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np
from rich.console import Console
from torch import Tensor, nn

from biasgan import enhance
from biasgan.io.containers.metadata import turned
from biasgan.io.images import ImageError, read_image

from ..conftest import call
from .beside import EXTENSIONS, PICTURES, case, pixels

FORMATS = ("png", "tiff", "webp", "jpeg", "avif")
LOSSLESS = ("png", "tiff", "webp")
GOOD = ("restored", "refused")
"""What may become of a damaged file; all else is a finding."""
LAST_LINE = re.compile(r"(\d+) restored(?:, (\d+) failed(?:: .*)?)?")


class Same(nn.Module):
    """Gives images as they are."""

    def forward(self, image: Tensor) -> Tensor:
        return image


def run(words: Sequence[str]) -> tuple[int, list[str]]:
    """The command in this process with a network that costs nothing: exit status, and the lines that it prints."""
    said = io.StringIO()
    with mock.patch("biasgan.inference.load.load_model", return_value=Same()), contextlib.redirect_stdout(said):
        status = call(*words, main=enhance.main)
    return status, said.getvalue().splitlines()


def batch(extension: str, numbers: Sequence[int], seed: int, folder: Path) -> Counter[str]:
    """Restore damaged files, and a good one after them.

    Returns:
        How many were restored, refused, or ended as they must not.
    """
    parts = PICTURES[extension]() if extension in PICTURES else ()
    given, results = folder / "given", folder / "results"
    given.mkdir(parents=True)
    for number in numbers:
        data = case(extension, parts, Random(f"{seed} {extension} {number}"))
        (given / f"{number:06}.{extension}").write_bytes(data)
    # The name comes last.
    good = given / "whole.png"
    good.write_bytes(b"".join(part.wrap(part.content) if part.wrap else part.content for part in PICTURES["png"]()))
    kind = FORMATS[numbers[0] // len(numbers) % len(FORMATS)]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            status, lines = run([str(given), "-o", str(results), "--format", kind, "--device", "cpu"])
        except Exception as error:
            return Counter({f"exception {type(error).__name__}": len(numbers)})
    ours = [warning for warning in warned if "PIL" in warning.filename]
    verdicts = Counter({f"warning {warning.category.__name__}": 1 for warning in ours})
    ends = LAST_LINE.fullmatch(lines[-1]) if lines else None
    there = {path.stem: path for path in results.iterdir()} if results.is_dir() else {}
    if ends is None or "whole" not in there or int(ends[1]) != len(there) or status != int(bool(ends[2])):
        return verdicts + Counter({"batch without its end": 1})
    expected = pixels(extension)
    upright = [turned(expected, orientation) for orientation in range(1, 9)]
    for number in numbers:
        path = there.get(f"{number:06}")
        verdicts["refused" if path is None else verdict(path, upright)] += 1
    return verdicts


def verdict(path: Path, upright: Sequence[np.ndarray]) -> str:
    """Whether a result is the picture, however it is turned."""
    try:
        result = read_image(path)
    except ImageError:
        return "unreadable result"
    most = 0 if path.suffix.removeprefix(".") in LOSSLESS else 8
    differences = [np.abs(result.astype(int) - image).mean() for image in upright if image.shape == result.shape]
    return "restored" if min(differences, default=most + 1) <= most else "wrong pixels"


def batches(extension: str, cases: int, size: int, seed: int) -> Iterator[tuple[range, Counter[str]]]:
    """All batches of a kind of file."""
    for start in range(0, cases, size):
        numbers = range(start, min(start + size, cases))
        with tempfile.TemporaryDirectory() as folder:
            yield numbers, batch(extension, numbers, seed, Path(folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="of each kind of file")
    parser.add_argument("--batch", type=int, default=50, help="files of a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=EXTENSIONS, default=EXTENSIONS, metavar="EXTENSION")
    arguments = parser.parse_args()
    findings = 0
    for extension in arguments.only:
        counts, number, start = Counter[str](), 0, time.monotonic()
        for numbers, verdicts in batches(extension, arguments.cases, arguments.batch, arguments.seed):
            counts += verdicts
            number += 1
            bad = {verdict: cases for verdict, cases in verdicts.items() if verdict not in GOOD}
            if bad:
                Console().print(f"{extension} {numbers.start} to {numbers.stop - 1}: {bad}", style="red")
                findings += sum(bad.values())
        told = ", ".join(f"{cases} {verdict}" for verdict, cases in sorted(counts.items()))
        Console().print(
            f"{extension}: {told}; {number} batches with a good file each, {time.monotonic() - start:.0f} s"
        )
    Console().print(f"{findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
