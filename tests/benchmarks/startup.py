"""How long commands take to answer, in times of `import torch`: `python -m tests.benchmarks.startup`."""

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

TRIES = 3
IMPORT = ("-c", "import torch")
LOAD = "import biasgan; biasgan.load()('photo.jpg')"
ANSWERS = (
    *("train --help", "train iteratoins=3", "prepare --help", "evaluate --help", "evaluate metrcs=fast"),
    *("report --help", "report --rnus outputs", "reproduce --help", "export --help", "interpolate --help"),
    *("app --help", "completion bash", "weights list", "enhance --help", "enhance photo.jpg --tile 0"),
)
WORK = "enhance photo.jpg --overwrite"


def seconds(words: tuple[str, ...], folder: str) -> float:
    """The least time that the processor spends on a Python process and those that it starts, of several tries."""
    times: list[float] = []
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def main() -> None:
    """Print a table; the package must be installed, or its folder in PYTHONPATH."""
    with TemporaryDirectory() as folder:
        levels = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
        Image.fromarray(levels).save(Path(folder, "photo.jpg"), quality=20)
        unit = seconds(IMPORT, folder)
        table = Table("what", "at most", "times", title=f"multiples of `import torch`, {unit:.2f} s of a processor")
        for answer in ANSWERS:
            command, *words = answer.split()
            table.add_row(answer, "0.6", f"{seconds(('-m', f'biasgan.{command}', *words), folder) / unit:.2f}")
        command, *words = WORK.split()
        table.add_row(WORK, "1.8", f"{seconds(('-m', f'biasgan.{command}', *words), folder) / unit:.2f}")
        table.add_row("biasgan.load() and a picture", "1.6", f"{seconds(('-c', LOAD), folder) / unit:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
