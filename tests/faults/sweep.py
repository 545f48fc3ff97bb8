"""A sweep that is killed while its jobs are at work: `python -m tests.faults.sweep [COUNT [SEED]]`."""

import subprocess
from pathlib import Path
from typing import ClassVar

from ..conftest import tiny
from .scene import at_any_time, main, soon_after
from .train import Training


class Jobs(Training):
    """The sweep is killed, not its jobs: they save and end, and the same command given at once goes on."""

    first: ClassVar = {"training": soon_after("outputs/*/*/log.csv", 0.5, times=6)}
    moments: ClassVar = {
        "any": at_any_time,
        "training": soon_after("outputs/*/*/log.csv", 0.5, times=6),
        "checkpoint": soon_after("outputs/*/*/checkpoints/*", 0.01, times=8),
    }

    methods = "vanilla,full"

    def words(self) -> list[str]:
        options = tiny(
            self.root / "pictures",
            *self.options,
            f"method={self.methods}",
            "sweep.name=jobs",
            "sweep.jobs=2",
            drawn=True,
        )
        return ["biasgan.train", "-m", *options]

    def differences(self, folder: Path, whole: Path) -> list[str]:
        # The name of a shared pixel stage depends on where the pairs are.
        for stage in [*folder.glob("outputs/jobs/pixel-stage-*"), *whole.glob("outputs/jobs/pixel-stage-*")]:
            stage.rename(stage.with_name("pixel-stage"))
        return super().differences(folder, whole)

    def victims(self, folder: Path, process: "subprocess.Popen[bytes]") -> list[int]:
        return [process.pid]


if __name__ == "__main__":
    main(Jobs, 5)
