"""Restore what a command names, and say what came of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from biasgan.inference.plan import Job, Plan, writable
from biasgan.system.imports import importing

if TYPE_CHECKING:
    from biasgan.inference.files import Outcome


class Enhanced(NamedTuple):
    """What came of a command."""

    lines: list[str]
    """For people; the last one tells all of it."""
    failed: bool
    """Whether some image has no result."""


def enhance(found: Plan, model: str, realism: float | None, huge: bool, options: Mapping[str, Any]) -> Enhanced | None:
    """Restore the files of a plan.

    Args:
        found: The plan.
        model: What `load.load_model` takes.
        realism: As `load.load_model` takes it.
        huge: Whether images beyond Pillow's limit are read too.
        options: Those of `files.restore_files`.

    Returns:
        None in all processes but the first.

    Raises:
        ValueError: If there is no such model or device.
    """
    jobs, unwritable = writable(found.jobs)
    outcomes: list[Outcome] | None = []
    notes: list[str] = []
    if huge:
        Image.MAX_IMAGE_PIXELS = None
    if jobs:
        # Only now, so that what is wrong with the command is said at once.
        with importing():
            from biasgan.inference.early_exit import EarlyExitRBQE
            from biasgan.inference.files import restore_files
            from biasgan.inference.load import load_model

        generator = load_model(model, realism)
        outcomes = restore_files(jobs, generator, **options)
        if outcomes is None:
            return None
        notes = notes_on(jobs, outcomes, quiet=bool(found.there or found.missing or unwritable))
        if isinstance(generator, EarlyExitRBQE):
            notes.append(generator.summary)
    failures = [*found.missing, *unwritable, *(outcome.error for outcome in outcomes if outcome.error)]
    restored = sum(outcome.error is None for outcome in outcomes)
    return Enhanced(report(found, restored, notes, failures), bool(failures))


def notes_on(jobs: Sequence[Job], outcomes: Sequence["Outcome"], quiet: bool) -> list[str]:
    """What people should know of images, and of a single one, unless it is to be kept quiet, where its result is."""
    notes = [f"{outcome.source}: {'; '.join(outcome.remarks)}" for outcome in outcomes if outcome.remarks]
    if len(jobs) == 1 and not (quiet or outcomes[0].error):
        notes += [str(path) for path in jobs[0][1:] if path]
    return notes


def report(found: Plan, restored: int, notes: Sequence[str], failures: Sequence[str]) -> list[str]:
    """What was done, in lines."""
    counts = [f"{restored} restored"]
    if found.there:
        counts.append(f"{found.there} already there")
    if found.results:
        counts.append(f"{found.results} results of earlier commands left out")
    counts += [f"{words} left out" for words in found.left_out]
    if len(failures) == 1:
        counts.append(f"1 failed: {failures[0].rstrip('.')}")
    elif failures:
        counts.append(f"{len(failures)} failed")
    several = [f"failed: {line}" for line in failures] if len(failures) > 1 else []
    return [*notes, *several, ", ".join(counts)]
