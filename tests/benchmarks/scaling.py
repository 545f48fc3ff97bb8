"""How much faster two processes on the CPU train than one, at the same batch of both together.

`python -m tests.benchmarks.scaling` on an idle machine of two cores or more. Each process has one thread. Efficiency is
the rate of two processes over twice that of one.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import load_file

ITERATIONS = 24
SKIPPED = 4
BATCH = 8


class Timed(Callback):
    """Prints the rate at which all processes together train."""

    def __init__(self) -> None:
        self.started = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if trainer.global_step == SKIPPED:
            self.started = time.monotonic()
        if trainer.global_step == ITERATIONS and trainer.is_global_zero:
            seconds = time.monotonic() - self.started
            sys.stderr.write(f"rate {(ITERATIONS - SKIPPED) * BATCH / seconds:.3f}\n")


def train(processes: int, folder: Path) -> float:
    """Train, and return images a second."""
    options = [
        *("data=sample", "scale=demo", f"iterations={ITERATIONS}", "pretrain_iterations=0", "validate_every=1000"),
        *(f"batch_size={BATCH // processes}", "pairs.workers=0"),
        *("features.weights=random", "trainer.precision=32-true"),
        *("+callbacks.timed._target_=tests.benchmarks.scaling.Timed", f"hydra.run.dir={folder / str(processes)}"),
        *(("trainer=ddp_cpu", f"trainer.devices={processes}") if processes > 1 else ("trainer=cpu",)),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "biasgan.train", *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stderr.split("rate ")[1].split()[0])


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        one, two = (train(processes, folder) for processes in (1, 2))
        weights, others = (load_file(folder / str(n) / "generator.safetensors") for n in (1, 2))
    largest = max(float((weights[key] - others[key]).abs().max()) for key in weights)
    print(f"1 process {one:.1f} images/s, 2 processes {two:.1f}, efficiency {two / (2 * one):.0%}")  # noqa: T201
    print(f"largest difference of weights {largest:.1e}, PyTorch {torch.__version__}")  # noqa: T201


if __name__ == "__main__":
    main()
