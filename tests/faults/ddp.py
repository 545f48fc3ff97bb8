"""A training in two processes, one of which is killed: `python -m tests.faults.ddp [COUNT [SEED]]`."""

import subprocess
from pathlib import Path
from typing import ClassVar

from .scene import main, processes, soon_after
from .train import Training


class TrainingInTwo(Training):
    """Each kill hits one of the two processes, and the training goes on by itself: no command is given again."""

    first: ClassVar = {"training": soon_after("run/log.csv", 0.1, times=6)}
    moments: ClassVar = first
    options: tuple[str, ...] = (
        *Training.options,
        *("trainer=ddp_cpu", "trainer.precision=32-true", "pairs.workers=0", "restarts=100"),
    )

    def __init__(self, root: Path, seed: int = 0) -> None:
        super().__init__(root, seed)
        self.commands: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, folder: Path) -> "subprocess.Popen[bytes]":
        """Start the command, once."""
        if folder not in self.commands:
            self.commands[folder] = super().start(folder)
        return self.commands[folder]

    def victims(self, folder: Path, process: "subprocess.Popen[bytes]") -> list[int]:
        return [self.random.choice(sorted({*processes(folder)} - {process.pid}))]

    def afterwards(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        """Wait for nothing: the command goes on."""


if __name__ == "__main__":
    main(TrainingInTwo, 10)
