"""Size of a checkpoint and time to write it, for each scale: `python -m tests.benchmarks.checkpoints`."""

import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .configured import composed, train

ROUNDS = 5


def main() -> None:
    """Train one iteration of each scale, so that the optimisers have their state, and save it some times."""
    table = Table(title="Real-ESRGAN with both mitigations")
    for column in ("scale", "last.ckpt, MB", "written in, s", "for each iteration of a training, ms"):
        table.add_column(column, justify="left" if column == "scale" else "right")
    for scale in ("demo", "lite", "paper"):
        # Both optimisers have their state after an adversarial iteration; its crops do not matter.
        trainer, _ = train(1, 1, f"scale={scale}", "patch_size=64", "pretrain_iterations=0")
        seconds: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "last.ckpt"
            for _ in range(ROUNDS):
                started = time.perf_counter()
                trainer.save_checkpoint(path)
                seconds.append(time.perf_counter() - started)
            size = path.stat().st_size
        median = statistics.median(seconds)
        every = composed(f"scale={scale}")["checkpoint_every"]
        table.add_row(scale, f"{size / 1e6:.1f}", f"{median:.2f}", f"{1000 * median / every:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
