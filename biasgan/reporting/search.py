"""Evaluations in folders, and the trainings there that have none."""

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from biasgan.evaluation.result import Condition, Evaluation, EvaluationError, Json, part, quality_text
from biasgan.io.files import expanded
from biasgan.reporting.paper import Subject, subject_of
from biasgan.runs.folder import EVALUATION, PIXEL_STAGE, RunFolder, runs_in

NOT_ENDED = "its training has not ended"


class Search(NamedTuple):
    """What a search for evaluations came to."""

    evaluations: tuple[Evaluation, ...]
    left_out: tuple[str, ...]
    """Why others were left out, each in a sentence that names the file."""


class Absent(NamedTuple):
    """A training of which there is no evaluation."""

    folder: Path
    subject: Subject | None
    """None where the training never came to write its configuration."""
    codec: str | None
    quality: str | None
    reason: str
    """Why there is none, in a sentence without its point."""


def find_evaluations(patterns: Iterable[str]) -> Search:
    """Search folders for every `evaluation.json`.

    Where the same weights were evaluated twice on the same images, the latest counts.

    Args:
        patterns: Globs of folders (`**` takes any number of them), which are searched with their subfolders, or of the
            files themselves.

    Raises:
        FileNotFoundError: If a pattern finds no evaluation, or none at all can be used.
    """
    files: dict[Path, None] = {}
    for pattern in patterns:
        there = [[place] if place.name == EVALUATION else sorted(place.rglob(EVALUATION)) for place in places(pattern)]
        if not any(there):
            raise FileNotFoundError(
                f"{pattern} has no {EVALUATION} in it; expected folders of evaluated runs. Evaluate them first: "
                "biasgan evaluate run=RUN"
            )
        files |= dict.fromkeys(file for some in there for file in some)
    latest: dict[object, Evaluation] = {}
    left_out: list[str] = []
    for file in files:
        try:
            evaluation = Evaluation.read(file)
        except EvaluationError as error:
            left_out.append(str(error))
            continue
        subject = evaluation.subject
        key = (subject.kind, subject.sha256 or subject.path, evaluation.condition)
        one, other = sorted((evaluation, latest.get(key, evaluation)), key=lambda each: each.date or "")
        if one is not other:
            left_out.append(f"{one.file}: the same was evaluated later, see {other.file}.")
        latest[key] = other
    if not latest:
        raise FileNotFoundError("no evaluation can be used:\n" + "\n".join(left_out))
    return Search(tuple(latest.values()), tuple(left_out))


def patterns_in(word: str) -> list[str]:
    """Patterns as a command is given them: one, or several with commas between them, since names may have commas."""
    return [word] if places(word) else [part for part in word.split(",") if part]


def places(pattern: str) -> list[Path]:
    """Files and folders that a glob matches, sorted; one that is there is taken by its name."""
    path = Path(expanded(pattern))
    return [path] if path.exists() else sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def find_absent(patterns: Iterable[str], evaluations: Sequence[Evaluation]) -> tuple[Absent, ...]:
    """Search folders for runs and jobs of sweeps that were not evaluated.

    Args:
        patterns: As `find_evaluations` takes them.
        evaluations: What it found.
    """
    runs = [Path(one.subject.path) for one in evaluations if one.subject.path]
    runs += [one.run.path for one in evaluations if one.run]
    evaluated = {run.resolve() for run in runs}
    folders: dict[Path, str] = {}
    for place in (place for pattern in patterns for place in places(pattern) if place.is_dir()):
        for run in runs_in(place):
            if not any(part.startswith((".", PIXEL_STAGE)) for part in run.path.relative_to(place).parts):
                folders.setdefault(run.path, why_not_evaluated(run))
        for file in sorted(place.rglob("sweep.json")):
            folders |= unfinished_jobs(file)
    return tuple(
        absent(folder, reason)
        for folder, reason in folders.items()
        if folder.resolve() not in evaluated and not any(folder.rglob(EVALUATION))
    )


def reasons(absent: Iterable[Absent], condition: Condition) -> dict[Subject, str]:
    """Why there is nothing of what was to be trained for the codec and quality of some images."""
    return {
        one.subject: one.reason
        for one in absent
        if one.subject and (one.codec, one.quality) == (condition.codec, condition.quality)
    }


def why_not_evaluated(run: RunFolder) -> str:
    """Why a run was not evaluated."""
    if run.is_finished:
        return f"trained, but not evaluated: biasgan evaluate {shlex.quote(f'run={run.path}')}"
    return NOT_ENDED


def unfinished_jobs(file: Path) -> dict[Path, str]:
    """Folders of the jobs of a sweep that did not come to an end, with the reason.

    They are sought beside `sweep.json`, which may have been moved.
    """
    try:
        jobs = [
            (file.parent / Path(str(job["folder"])).name, job["status"], str(job["error"] or ""))
            for job in cast(list[Json], json.loads(file.read_text(encoding="utf-8")))
            if job["status"] not in ("finished", "skipped")
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # Of something else, or damaged; its runs are found all the same.
    return {
        folder: f"its training failed: {' '.join(error.split())}" if status == "failed" else NOT_ENDED
        for folder, status, error in jobs
        if not folder.name.startswith(PIXEL_STAGE)
    }


def absent(folder: Path, reason: str) -> Absent:
    """What a folder was to have, by its configuration."""
    config = RunFolder(folder).read_config()
    baseline, method, codec = (part(config, "chosen", name) for name in ("baseline", "method", "codec"))
    known = {"baseline": baseline, "method": method}
    return Absent(folder, subject_of(known), codec, quality_text(config.get("quality")), reason)
