"""A command that is killed, given again until it is done, and compared with one that nobody killed."""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from safetensors.torch import load_file

from biasgan.runs.log import read_log

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
"""Seconds after which a process that is to end counts as one that stays."""
DAY = 86400

Moment = Callable[["Scene", Path], Callable[[], bool]]
"""Of a scene and a folder makes what tells whether the time to kill has come."""


class Kill(NamedTuple):
    """Where a command was killed."""

    moment: str
    seconds: float
    victim: str


class Scene(ABC):
    """A command in a folder of its own, as often as it needs to come to its end.

    Args:
        root: An empty folder for pictures and for all runs.
        seed: Of the moments.
    """

    first: ClassVar[Mapping[str, Moment]]
    """When a command is killed that has nothing to go on from."""
    moments: ClassVar[Mapping[str, Moment]]
    """When it is killed after that."""
    picture_size = (56, 48)
    pictures = 6

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root = root
        self.random = Random(seed)
        self.runs = 0
        self.seconds = 0.0
        random = np.random.default_rng(3)
        (root / "pictures").mkdir()
        for number in range(self.pictures):
            coarse = Image.fromarray(random.integers(0, 256, (8, 9, 3), dtype=np.uint8))
            picture = coarse.resize(self.picture_size, Image.Resampling.BICUBIC)
            picture.save(root / "pictures" / f"{number}.png")

    @abstractmethod
    def words(self) -> list[str]:
        """The command, which says `run` to where its results go."""

    @abstractmethod
    def differences(self, folder: Path, whole: Path) -> list[str]:
        """In what a folder differs from one where nothing was killed."""

    def victims(self, folder: Path, process: "subprocess.Popen[bytes]") -> list[int]:
        """Which processes are killed: by default all."""
        return processes(folder)

    def go_through(self, count: int) -> Iterator[Kill | list[str]]:
        """Kill the command a number of times, in as many runs as that takes.

        Yields:
            Each kill; and at the end of each run the differences.
        """
        whole = self.folder()
        begun = time.monotonic()
        self.finish(self.start(whole), whole)
        self.seconds = time.monotonic() - begun
        while count > 0:
            folder = self.folder()
            fresh = True
            while count > 0 and (kill := self.kill_once(folder, fresh)):
                fresh = False
                count -= 1
                yield kill
            age_temporaries(folder)
            self.finish(self.start(folder), folder)
            yield [f"{folder}: {line}" for line in self.differences(folder, whole)]

    def folder(self) -> Path:
        """A new folder for a run."""
        self.runs += 1
        folder = self.root / str(self.runs)
        folder.mkdir()
        return folder

    def start(self, folder: Path) -> "subprocess.Popen[bytes]":
        """Start the command."""
        with (folder / "said").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", *self.words()],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
                env={
                    **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                    "BIASGAN_CACHE": str(folder / "cache"),
                },
            )  # fmt: skip

    def finish(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        """Wait for the command to come to its end."""
        try:
            status = process.wait(PATIENCE)
        finally:
            left = processes(folder)
            end(left)
        assert not left, "the command has ended, but not all of its processes"
        assert status == 0, (folder / "said").read_text()[-5000:]

    def kill_once(self, folder: Path, fresh: bool) -> Kill | None:
        """Start the command and kill it, unless it comes to its end before."""
        name, moment = self.random.choice(list((self.first if fresh else self.moments).items()))
        come = moment(self, folder)
        begun = time.monotonic()
        process = self.start(folder)
        try:
            while process.poll() is None and not come():
                time.sleep(0.001)
            if process.poll() is not None:
                assert process.returncode == 0, (folder / "said").read_text()[-5000:]
                return None
            victims = self.victims(folder, process)
            seconds = time.monotonic() - begun
            end(victims)
            self.afterwards(folder, process)
        except BaseException:
            end(processes(folder))
            raise
        return Kill(name, seconds, f"{len(victims)} processes" if len(victims) > 1 else names_of(victims, process))

    def afterwards(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        """What is waited for before the command is given again: by default nothing but that what was killed is gone."""
        process.wait(PATIENCE)


def names_of(victims: list[int], process: "subprocess.Popen[bytes]") -> str:
    """Of the one process that was killed."""
    return "the first process" if process.pid in victims else "another process"


def processes(folder: Path) -> list[int]:
    """Numbers of the processes in a folder; those that have ended and whose parent has not noticed are in none."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").readlink() == folder:
                found.append(int(place.name))
        except OSError:
            continue
    return found


def end(numbers: list[int]) -> None:
    """Kill processes."""
    for number in numbers:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue


def age_temporaries(folder: Path) -> None:
    """A day passes, after which a store takes half-written files for abandoned."""
    before = time.time() - 2 * DAY
    for file in folder.rglob(".partial-*"):
        os.utime(file, (before, before))


def at_any_time(scene: Scene, folder: Path) -> Callable[[], bool]:
    """A moment between the start and the end of a run without a fault."""
    return later(scene.random.uniform(0, scene.seconds), lambda: True)


def soon_after(pattern: str, most: float, times: int = 1) -> Moment:
    """Shortly after files that match a pattern have changed, once or up to so many times."""

    def moment(scene: Scene, folder: Path) -> Callable[[], bool]:
        changes = scene.random.randint(1, times)
        before = state(folder, pattern)

        def changed() -> bool:
            nonlocal before, changes
            if (now := state(folder, pattern)) != before:
                before = now
                changes -= 1
            return changes <= 0

        return later(scene.random.uniform(0, most), changed)

    return moment


def later(seconds: float, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Whether a condition has held for so long."""
    since: float | None = None

    def come() -> bool:
        nonlocal since
        if since is None and condition():
            since = time.monotonic()
        return since is not None and time.monotonic() >= since + seconds

    return come


def state(folder: Path, pattern: str) -> list[tuple[str, int]]:
    """Files that match a pattern, and when they were changed."""
    found: list[tuple[str, int]] = []
    for file in folder.glob(pattern):
        try:
            found.append((file.name, file.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def other_files(folder: Path, whole: Path) -> list[str]:
    """Files that one folder has and the other has not."""
    one, other = ({str(f.relative_to(place)) for f in place.rglob("*") if f.is_file()} for place in (folder, whole))
    return [f"{name} is too many" for name in sorted(one - other)] + [f"no {name}" for name in sorted(other - one)]


def other_weights(folder: Path, whole: Path) -> list[str]:
    """Weights and logs of all runs in a folder that are not bit for bit those of another folder."""
    lines: list[str] = []
    for file in sorted(whole.rglob("*.safetensors")):
        name = file.relative_to(whole)
        if not (folder / name).is_file():
            continue  # is among the other files
        one, other = load_file(folder / name), load_file(file)
        if one.keys() != other.keys() or not all(torch.equal(one[key], other[key]) for key in one):
            lines.append(f"{name} differs")
    for file in sorted(whole.rglob("log.csv")):
        name = file.relative_to(whole)
        if read_log(folder / name) != read_log(file):
            lines.append(f"{name} differs")
    return lines


def damaged_store(folder: Path, options: list[str]) -> list[str]:
    """What `prepare check=true` finds."""
    done = subprocess.run(
        [sys.executable, "-m", "biasgan.prepare", *options, "check=true"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "BIASGAN_CACHE": str(folder / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [] if done.returncode == 0 else [f"the store is damaged: {done.stdout}{done.stderr}"]


def main(kind: type[Scene], count: int) -> None:
    """Go through a scene: `python -m tests.faults.NAME [COUNT [SEED]]`; status 1 if anything differed."""
    numbers = [int(word) for word in sys.argv[1:]]
    count, seed = [*numbers, *(count, 0)[len(numbers) :]]
    console = Console()
    table = Table(title=f"{kind.__name__}, seed {seed}")
    for column in ("kill", "moment", "after, s", "of"):
        table.add_column(column)
    runs, differences = 0, list[str]()
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with TemporaryDirectory(prefix="biasgan-faults-") as root, bar:
        task = bar.add_task("killed", total=count)
        kills = 0
        for event in kind(Path(root), seed).go_through(count):
            if isinstance(event, Kill):
                kills += 1
                table.add_row(str(kills), event.moment, f"{event.seconds:.2f}", event.victim)
                bar.update(task, completed=kills)
            else:
                runs += 1
                differences += event
                bar.console.print(f"run {runs}: {'differs' if event else 'equal'}", *event, sep="\n")
    console.print(table, f"{kills} kills in {runs} runs, {len(differences)} differences", sep="\n")
    sys.exit(bool(differences))
