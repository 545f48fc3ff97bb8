import json
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from rich.progress import TimeElapsedColumn
from rich.table import Table

from biasgan.cli.errors import STOPPED
from biasgan.io.files import atomic_write
from biasgan.sweep.devices import environments
from biasgan.sweep.job import Job
from biasgan.system.console import progress_bar, terminal

PAUSE = 0.1
COLUMNS = {
    "PSNR, dB": ("psnr", ".2f"),
    "gain, dB": ("psnr_gain", "+.2f"),
    "deviation, %": ("deviation", "+.1f"),
}


class Sweep:
    """Runs the jobs of a sweep, each in a fresh process, and keeps `sweep.json` in its folder.

    What was finished before is skipped, what was interrupted is resumed, and what failed is tried again. A job that
    fails stops no other one, unless `fail_fast` is set. Ctrl-C and SIGTERM are passed on: the jobs save and stop. A
    second one stops them at once, and a third one ends them.

    Args:
        folder: Of the sweep; made when needed.
        jobs: What to run; those with an error already are not run.
        at_once: How many run side by side. GPUs and processor cores are shared out among them.
        fail_fast: Whether a job that fails stops the others, as Ctrl-C does.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(self, folder: Path, jobs: Sequence[Job], at_once: int, fail_fast: bool) -> None:
        if type(at_once) is not int or at_once < 1:
            raise ValueError(f"sweep.jobs must be a whole number from 1 on; got {at_once!r}.")
        if type(fail_fast) is not bool:
            raise ValueError(f"sweep.fail_fast must be true or false; got {fail_fast!r}.")
        self.folder = folder
        self.jobs = jobs
        self.fail_fast = fail_fast
        self.places = environments(at_once)
        self.running: dict[int, Job] = {}
        self.asked = 0
        self.heeded = 0
        self.stopping = False
        self.console = terminal()

    @property
    def status(self) -> int:
        """Exit status: 0 if all jobs are finished, 130 if the sweep was interrupted, else 1."""
        if all(job.status in ("finished", "skipped") for job in self.jobs):
            return 0
        return STOPPED if self.asked else 1

    def run(self) -> None:
        """Run the jobs, and print what came out.

        Raises:
            RuntimeError: If another process is at this sweep.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0), self.signals():
                self.go_through()
        except Timeout as error:
            raise RuntimeError(f"Another process is running this sweep; {error.lock_file} is locked.") from error
        self.console.print(self.table())
        for job in self.jobs:
            if job.error:
                log = f"\n{job.log}" if job.log.is_file() else ""
                self.console.print(f"\n{job.label} failed: {job.error}{log}")
        if any(job.status in ("stopped", "waiting") for job in self.jobs):
            self.console.print("\nThe same command goes on: what is finished is skipped, what was stopped is resumed.")
        self.console.print(f"{self.folder / 'sweep.json'}")

    def go_through(self) -> None:
        """Start each job when its turn comes, until none is left or the sweep is to stop."""
        for job in self.jobs:
            if job.is_done and not job.error:
                job.status = "skipped"
                self.say(job)
        self.write()
        bar = progress_bar(TimeElapsedColumn(), to=self.console, transient=True)
        bar.disable = not self.console.is_terminal
        with bar:
            task = bar.add_task("", total=len(self.jobs))
            while self.start_jobs() or self.running:
                time.sleep(PAUSE)
                self.heed()
                self.look_at_jobs()
                ended = sum(job.status not in ("waiting", "running") for job in self.jobs)
                names = " | ".join(f"{job.label} {took(job)}" for job in self.running.values())
                bar.update(task, completed=ended, description=names)

    def start_jobs(self) -> bool:
        """Start what can start; whether anything did."""
        started = False
        for place, environment in enumerate(self.places):
            job = next((job for job in self.jobs if job.ready), None)
            if place not in self.running and job and not self.stopping:
                job.start(environment)
                self.running[place] = job
                self.say(job)
                self.write()
                started = True
        return started

    def look_at_jobs(self) -> None:
        """Note which jobs have ended."""
        for place, job in list(self.running.items()):
            job.look(self.stopping)
            if job.status == "running":
                continue
            del self.running[place]
            self.say(job)
            if job.status == "failed" and self.fail_fast:
                self.stop()
            self.write()

    def heed(self) -> None:
        """Do as a signal asks."""
        if self.asked > self.heeded:
            self.heeded += 1
            self.stop(at_once=self.heeded > 2)
            self.console.print("\nThe jobs save and stop; Ctrl-C again stops them at once.")

    def stop(self, at_once: bool = False) -> None:
        """Start no more jobs, and have the running ones stop."""
        self.stopping = True
        for job in self.running.values():
            job.stop(at_once)

    @contextmanager
    def signals(self) -> Generator[None]:
        """Take Ctrl-C and SIGTERM."""

        def ask(number: int, frame: FrameType | None) -> None:
            self.asked += 1

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, job: Job) -> None:
        """Print a line about a job whose status has changed."""
        time_taken = "" if job.status in ("running", "skipped") else f" after {took(job)}"
        self.console.print(f"{self.jobs.index(job) + 1}/{len(self.jobs)} {job.label}: {job.status}{time_taken}")

    def write(self) -> None:
        """Write `sweep.json`."""
        with atomic_write(self.folder / "sweep.json") as temporary:
            temporary.write_text(json.dumps([job.record() for job in self.jobs], indent=2) + "\n")

    def table(self) -> Table:
        """The jobs with their main figures, for the terminal."""
        result = Table(title=self.folder.name)
        result.add_column("job")
        result.add_column("status")
        for column in ("time", *COLUMNS):
            result.add_column(column, justify="right")
        for job in self.jobs:
            figures = job.figures
            values = [format(figures[name], form) if name in figures else "" for name, form in COLUMNS.values()]
            result.add_row(job.label, job.status, took(job) if job.seconds else "", *values)
        return result


def took(job: Job) -> str:
    """Time of a job in hours, minutes and seconds."""
    return str(timedelta(seconds=round(job.seconds)))
