"""A preparation that is killed at random moments: `python -m tests.faults.prepare [COUNT [SEED]]`."""

from pathlib import Path
from typing import ClassVar

from .scene import Scene, at_any_time, damaged_store, main, other_files, soon_after


class Preparation(Scene):
    """The pairs of some pictures that take a while."""

    picture_size = (900, 800)
    pictures = 24
    first: ClassVar = {"pairs": soon_after("cache/pairs/**/*", 0.1, times=10)}
    moments: ClassVar = {"any": at_any_time, "pairs": soon_after("cache/pairs/**/*", 0.1, times=30)}

    def words(self) -> list[str]:
        return ["biasgan.prepare", *self.options]

    @property
    def options(self) -> list[str]:
        return ["data=folder", f"data.root={self.root / 'pictures'}", "pairs.workers=1"]

    def differences(self, folder: Path, whole: Path) -> list[str]:
        one, other = (
            {f.relative_to(place): f.read_bytes() for f in (place / "cache").rglob("*.*") if f.is_file()}
            for place in (folder, whole)
        )
        changed = [f"{name} differs" for name in one.keys() & other.keys() if one[name] != other[name]]
        return [*other_files(folder, whole), *changed, *damaged_store(folder, self.options)]


if __name__ == "__main__":
    main(Preparation, 50)
