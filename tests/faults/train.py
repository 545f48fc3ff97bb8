"""A training that is killed at random moments: `python -m tests.faults.train [COUNT [SEED]]`."""

import subprocess
from pathlib import Path
from typing import ClassVar

from ..conftest import tiny
from .scene import (
    Scene,
    at_any_time,
    damaged_store,
    main,
    other_files,
    other_weights,
    processes,
    soon_after,
)

STORE = ("data=folder", "data.valid_every=2")


class Training(Scene):
    """A training with both stages."""

    first: ClassVar = {"any": at_any_time, "pairs": soon_after("cache/pairs/**/*", 0.02, times=12)}
    moments: ClassVar = {
        "any": at_any_time,
        "training": soon_after("run/log.csv", 0.1, times=6),
        "checkpoint": soon_after("run/checkpoints/*", 0.01, times=8),
    }
    options: tuple[str, ...] = (
        *("iterations=60", "pretrain_iterations=25", "validate_every=12", "checkpoint_every=4"),
        "+training.log_every=3",
        "pairs.workers=1",
    )

    def words(self) -> list[str]:
        options = tiny(self.root / "pictures", *self.options, "resume=auto", "hydra.run.dir=run", drawn=True)
        return ["biasgan.train", *options]

    def victims(self, folder: Path, process: "subprocess.Popen[bytes]") -> list[int]:
        """All, or the first one alone, whose loader has a process of its own."""
        return self.random.choice([[process.pid], processes(folder)])

    def differences(self, folder: Path, whole: Path) -> list[str]:
        store = damaged_store(folder, [*STORE, f"data.root={self.root / 'pictures'}"])
        return [*other_files(folder, whole), *other_weights(folder, whole), *store]


if __name__ == "__main__":
    main(Training, 50)
