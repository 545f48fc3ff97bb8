import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from biasgan.cli.options import quoted
from biasgan.runs.folder import RunFolder
from biasgan.system.parent import own_number

Status = Literal["waiting", "running", "finished", "skipped", "failed", "stopped"]

LINES = 8
"""Of a job's error that are kept, at most."""


@dataclass
class Job:
    """A training of a sweep, in a process of its own.

    Attributes:
        label: What tells it from the others: its options that not all jobs have.
        folder: Its run folder.
        arguments: Of the training command.
        stage: A job that trains its pixel stage, for it and others. Where that fails it trains its own.
        status: `skipped` was finished before; `stopped` and `waiting` are for the next time.
        seconds: How long it took, or has taken so far.
        error: Why it failed: the last lines of what it said.
    """

    label: str
    folder: Path
    arguments: Sequence[str] = ()
    stage: "Job | None" = None
    status: Status = "waiting"
    seconds: float = 0.0
    error: str | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    started: float = 0.0
    said_before: int = 0

    @property
    def log(self) -> Path:
        """Everything that its processes print, over all attempts."""
        return RunFolder(self.folder).job_log

    @property
    def is_done(self) -> bool:
        """Whether it was finished, now or before; its summary is written last."""
        return RunFolder(self.folder).is_finished

    @property
    def ready(self) -> bool:
        """Whether it can start."""
        return self.status == "waiting" and (
            self.stage is None or self.stage.status in ("finished", "skipped", "failed")
        )

    def start(self, environment: Mapping[str, str]) -> None:
        """Start its process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [*self.arguments]
        if self.stage and self.stage.is_done:
            arguments.append(f"pixel_stage={quoted(self.stage.folder)}")
        with self.log.open("ab") as log:
            self.said_before = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "biasgan.train", *arguments],
                env={**environment, **own_number()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Or Ctrl-C would come to it twice, from the terminal and from the sweep, and stop it at once.
                start_new_session=True,
            )
        self.status, self.started = "running", time.monotonic()

    def look(self, stopping: bool) -> None:
        """Note how long it has run and, if it has ended, how.

        Args:
            stopping: Whether it was asked to stop.
        """
        assert self.process is not None
        self.seconds = time.monotonic() - self.started
        code = self.process.poll()
        if code is None:
            return
        if code == 0 and self.is_done:
            self.status = "finished"
        elif stopping:
            self.status = "stopped"
        else:
            self.status, self.error = "failed", self.last_words() or f"It ended with exit status {code}."
            if code < 0:
                self.error += f"\nIt was ended by {signal.Signals(-code).name}."

    def stop(self, at_once: bool) -> None:
        """Ask its process to save and stop, or end it with its children."""
        assert self.process is not None
        if self.process.poll() is not None:
            return
        if at_once:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            # To the process alone: without its loader's workers it could not finish the iteration.
            self.process.send_signal(signal.SIGINT)

    def last_words(self) -> str:
        """The last error of this attempt, or else the last lines of its log."""
        with self.log.open("rb") as log:
            log.seek(self.said_before)
            text = log.read().decode(errors="replace")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return "\n".join(lines[begins[-1] :][:LINES] if begins else lines[-LINES:]).removeprefix("error: ")

    @property
    def figures(self) -> dict[str, float]:
        """The main figures of its summary, those that were measured; none while it is not finished."""
        summary = RunFolder(self.folder).read_summary()
        if not summary:
            return {}
        restored, compressed = summary["restored"], summary["compressed"]
        gain = {"psnr_gain": restored["psnr"] - compressed["psnr"]} if "psnr" in restored else {}
        measured = {name: summary[name] for name in ("deviation",) if name in summary}
        return {"bits_per_pixel": compressed["bits_per_pixel"], **restored, **gain, **measured}

    def record(self) -> dict[str, Any]:
        """What `sweep.json` says about it."""
        return {
            "job": self.label,
            "status": self.status,
            "seconds": round(self.seconds, 1),
            "folder": str(self.folder),
            "arguments": list(self.arguments),
            "error": self.error,
            "figures": self.figures,
        }
