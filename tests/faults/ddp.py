"""A training in two processes, one of which is killed: `python -m tests.faults.ddp [COUNT [SEED]]`."""

import subprocess
import time
from pathlib import Path
from typing import ClassVar

from .scene import PATIENCE, main, processes, soon_after
from .train import Training


class TrainingInTwo(Training):
    """Each kill hits one of the two processes: the other one ends too, and the same command goes on."""

    first: ClassVar = {"training": soon_after("run/log.csv", 0.1, times=6)}
    options: tuple[str, ...] = (*Training.options, "trainer=ddp_cpu", "trainer.precision=32-true", "pairs.workers=0")

    def victims(self, folder: Path, process: "subprocess.Popen[bytes]") -> list[int]:
        return [self.random.choice(sorted(processes(folder)))]

    def afterwards(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        """Wait until no process is left."""
        super().afterwards(folder, process)
        deadline = time.monotonic() + PATIENCE
        while left := processes(folder):
            assert time.monotonic() < deadline, f"processes that stay: {left}"
            time.sleep(0.05)


if __name__ == "__main__":
    main(TrainingInTwo, 10)
