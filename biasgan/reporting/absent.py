import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from biasgan.reporting.evaluations import NAME, Condition, Evaluation, Json, places, quality_text
from biasgan.reporting.groups import subject_of
from biasgan.reporting.paper import Subject
from biasgan.runs.folder import RunFolder, runs_in

PIXEL_STAGE = "pixel-stage-"
"""Start of the folders in which a sweep trains what several of its runs share."""


class Absent(NamedTuple):
    """A training of which there is no evaluation."""

    folder: Path
    subject: Subject | None
    """None where the training never came to write its configuration."""
    codec: str | None
    quality: str | None
    reason: str
    """Why there is none, in a sentence without its point."""


def find_absent(patterns: Iterable[str], evaluations: Sequence[Evaluation]) -> tuple[Absent, ...]:
    """Search folders for runs and jobs of sweeps that were not evaluated.

    Args:
        patterns: As `find_evaluations` takes them.
        evaluations: What it found.
    """
    evaluated = {place.resolve() for one in evaluations for place in (one.run, Path(one.path)) if place}
    folders: dict[Path, str] = {}
    for place in (place for pattern in patterns for place in places(pattern) if place.is_dir()):
        for run in runs_in(place):
            if not any(part.startswith((".", PIXEL_STAGE)) for part in run.path.relative_to(place).parts):
                folders.setdefault(run.path, _state(run))
        for file in sorted(place.rglob("sweep.json")):
            folders |= _jobs(file)
    return tuple(
        _absent(folder, reason)
        for folder, reason in folders.items()
        if folder.resolve() not in evaluated and not any(folder.rglob(NAME))
    )


def reasons(absent: Iterable[Absent], condition: Condition) -> dict[Subject, str]:
    """Why there is nothing of what was to be trained for the codec and quality of some images."""
    return {
        one.subject: one.reason
        for one in absent
        if one.subject and (one.codec, one.quality) == (condition.codec, condition.quality)
    }


def _state(run: RunFolder) -> str:
    """Why a run was not evaluated."""
    if run.is_finished:
        return f"trained, but not evaluated: python -m biasgan.evaluate {shlex.quote(f'run={run.path}')}"
    return "its training has not ended"


def _jobs(file: Path) -> dict[Path, str]:
    """Folders of the jobs of a sweep that did not come to an end, with the reason."""
    try:
        jobs = cast(list[Json], json.loads(file.read_text(encoding="utf-8")))
        found = {
            _place(file, str(job["folder"])): (job["status"], str(job["error"] or ""))
            for job in jobs
            if job["status"] not in ("finished", "skipped")
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # Of something else, or damaged; its runs are found all the same.
    return {
        folder: f"its training failed: {' '.join(error.split())}"
        if status == "failed"
        else "its training has not ended"
        for folder, (status, error) in found.items()
        if not folder.name.startswith(PIXEL_STAGE)
    }


def _place(file: Path, folder: str) -> Path:
    """Where a job's folder is now: beside `sweep.json`, which may have been moved."""
    return file.parent / Path(folder).name


def _absent(folder: Path, reason: str) -> Absent:
    config = RunFolder(folder).read_config()
    chosen = config.get("chosen")
    known: Mapping[str, Any] = cast(Json, chosen) if isinstance(chosen, dict) else {}
    return Absent(
        folder,
        subject_of(known),
        known.get("codec"),
        quality_text(config.get("quality")),
        reason,
    )
