"""Memory, open files and logs of a long training: `python -m tests.benchmarks.long_run`.

The demo scale on the sample images, in a fresh process. Status 1 if memory grows by 1 % after iteration 500, or open
files do.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from biasgan.runs.log import read_log

BEGIN, MOST = 500, 0.01
LOOKS = 3
"""At each end, of which the largest counts: right after a validation less memory is held than before it."""


def main() -> None:
    """Train, and print the curve and the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=5000)
    parser.add_argument("--every", type=int, default=100)
    arguments, options = parser.parse_known_args()
    least = BEGIN + (2 * LOOKS - 1) * arguments.every
    if arguments.iterations < least:
        parser.error(f"--iterations must be at least {least} to have {LOOKS} looks at each end")
    console = Console(soft_wrap=True)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "biasgan.train", f"iterations={arguments.iterations}"]
        # All that is compared belongs to one stage.
        command += ["pretrain_iterations=400", f"hydra.run.dir={run}", *options]
        command += ["+callbacks.resources._target_=tests.training.resources.Resources"]
        command += [f"+callbacks.resources.folder={run}", f"+callbacks.resources.every={arguments.every}"]
        subprocess.run(command, check=True)
        rows = read_log(run / "resources.csv")
        speed = read_log(run / "throughput.csv")[-1]
    table = Table("iteration", "resident, MiB", "open files", "written but for weights, MiB")
    for row in rows:
        table.add_row(*(f"{row[name]:.{d}f}" for name, d in zip(row, (0, 1, 0, 2), strict=True)))
    console.print(table)
    console.print({name: round(value, 3) for name, value in speed.items()})
    later = [row for row in rows if row["iteration"] >= BEGIN]
    before, after = (max(row["resident"] for row in part) for part in (later[:LOOKS], later[-LOOKS:]))
    growth = after / before - 1
    files = max(row["descriptors"] for row in later[-LOOKS:]) - max(row["descriptors"] for row in later[:LOOKS])
    console.print(
        f"From iteration {BEGIN} to {rows[-1]['iteration']:.0f}: resident {before:.1f} MiB → {after:.1f} MiB "
        f"({growth:+.2%}), open files {files:+.0f}"
    )
    sys.exit(growth >= MOST or files > 0)


if __name__ == "__main__":
    main()
