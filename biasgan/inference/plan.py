"""Which image files are restored, and where the results go."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from biasgan.inference.photo import FORMAT_OF
from biasgan.io.files import exists, fitting, require_writable
from biasgan.io.images import ImageError
from biasgan.io.listing import (
    BPG,
    COMPARE,
    RESTORED,
    distinct,
    extensions,
    images_of,
    listing,
    result_name,
    without_results,
)

MAGIC = frozenset("*?[")


class Job(NamedTuple):
    """A file to restore."""

    source: Path
    target: Path
    comparison: Path | None
    """Where the picture of what changed goes, if one is wanted."""


class Plan(NamedTuple):
    """What there is to do."""

    jobs: list[Job]
    there: int
    """Inputs whose results are there already."""
    results: int
    """Inputs that were left out since they are results for others."""
    missing: list[str]
    """What is wrong with inputs that name no image, for people."""
    left_out: list[str]
    """What else is in the folders, in words."""


class Found(NamedTuple):
    """An input file."""

    path: Path
    name: Path
    """Its place below the folder or pattern that it was found by."""


def plan(
    inputs: Sequence[str],
    out: str | Path | None = None,
    extension: str = ".png",
    compare: bool = False,
    overwrite: bool = False,
) -> Plan:
    """Find the files to restore.

    Results go beside their inputs as NAME-restored, or into the folder `out`, in the same subfolders, as NAME. Inputs
    whose names differ in the extension alone keep it in the name of the result. Results of an earlier plan for other
    inputs are no inputs, and neither is what lies in `out`.

    Args:
        inputs: Files, folders and patterns.
        out: A folder, or for a single file the file to write.
        extension: Of the results.
        compare: Whether pictures of what changed are wanted too: NAME-compare beside the results.
        overwrite: Whether results that are there are to be made again.

    Raises:
        ValueError: If a result would replace an input, or `out` names a file and there is more than one input.
    """
    into = Path(out) if out else None
    file = into if into and not is_folder(into) and into.suffix.lower() in (*FORMAT_OF, *extensions(), BPG) else None
    if file and file.suffix.lower() not in FORMAT_OF:
        raise ValueError(f"{file} has no extension that can be written; expected {', '.join(FORMAT_OF)}, or a folder.")
    if into and not file and exists(into) and not into.is_dir():
        raise ValueError(f"{into} is a file without an extension that can be written; expected a folder.")
    met, missing, left_out = find(inputs, None if file else into)
    inputs_alone = set(without_results([one.path for one in met]))
    found = [one for one in met if one.path in inputs_alone]
    if file and (len(inputs) > 1 or len(found) > 1 or is_folder(Path(inputs[0]))):
        raise ValueError(f"{file} names one file, and there may be several results; give a folder.")
    if file:
        jobs = [Job(one.path, file, file.with_name(f"{result_name(file.stem, COMPARE)}.png")) for one in found]
    elif into:
        names = [into / name for name in distinct([one.name for one in found])]
        jobs = [
            Job(
                one.path,
                name.with_name(fitting(name.name, room=len(extension)) + extension),
                name.with_name(f"{result_name(name.name, COMPARE)}.png"),
            )
            for one, name in zip(found, names, strict=True)
        ]
    else:
        jobs = [
            Job(
                one.path,
                name.with_name(result_name(name.name, RESTORED) + extension),
                name.with_name(f"{result_name(name.name, COMPARE)}.png"),
            )
            for one, name in zip(found, distinct([one.path for one in found]), strict=True)
        ]
    refuse_inputs_as_results(jobs, compare)
    jobs = [job if compare else job._replace(comparison=None) for job in jobs]
    left = [job for job in jobs if overwrite or not all(exists(path) for path in job[1:] if path)]
    return Plan(left, len(jobs) - len(left), len(met) - len(found), missing, left_out)


def writable(jobs: Sequence[Job]) -> tuple[list[Job], list[str]]:
    """Those of the jobs whose results can be written where they belong, and what is wrong with the others.

    Raises:
        OSError: If none can.
    """
    troubles: dict[Path, OSError] = {}
    for folder in dict.fromkeys(job.target.parent for job in jobs):
        try:
            require_writable(folder)
        except OSError as error:
            troubles[folder] = error
    left = [job for job in jobs if job.target.parent not in troubles]
    if troubles and not left:
        raise next(iter(troubles.values()))
    failures = [(job.source, troubles.get(job.target.parent)) for job in jobs]
    return left, [f"{source} is not restored: {error}" for source, error in failures if error]


def find(inputs: Sequence[str], out: Path | None) -> tuple[list[Found], list[str], list[str]]:
    """Look for files, each path once, outside of a folder; what was not found, and what was left out, in words."""
    found: dict[Path, Found] = {}
    missing: list[str] = []
    left_out: list[str] = []
    several = sum(is_folder(Path(given)) for given in inputs) > 1
    outside = out.resolve() if out else None
    for given in inputs:
        path = Path(given)
        if is_folder(path):
            inside = listing(path, (*extensions(), BPG))
            # One that is closed costs no picture elsewhere.
            missing += inside.closed
            try:
                files = images_of(path, inside._replace(closed=[]))
            except ImageError as error:
                missing.append(str(error))
                continue
            left_out += inside.left_out
            # Several folders stay apart in the output.
            top = Path(path.resolve().name if several else "")
            named = [Found(file, top / file.relative_to(path)) for file in files]
        elif exists(path) or not MAGIC & set(given):
            named = [Found(path, Path(path.name))]
            if not exists(path):
                missing.append(f"{given} is not there.")
                continue
        else:
            root = fixed_part(path)
            files = (Found(file, file.relative_to(root)) for file in sorted(root.glob(str(path.relative_to(root)))))
            named = [file for file in files if file.path.is_file() and not is_hidden(file.name)]
            if not named:
                missing.append(f"{given} matches no file.")
        for one in named:
            if path == one.path or outside is None or not one.path.resolve().is_relative_to(outside):
                # A link is a picture of its own name, as it is in a set of images.
                found.setdefault(one.path.parent.resolve() / one.path.name, one)
    return list(found.values()), missing, left_out


def is_folder(path: Path) -> bool:
    """Whether it is a folder."""
    return exists(path) and path.is_dir()


def fixed_part(pattern: Path) -> Path:
    """The folder that a pattern begins with."""
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if MAGIC & set(part))
    return Path(*parts[:first])


def is_hidden(path: Path) -> bool:
    """Whether a part of it begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def refuse_inputs_as_results(jobs: Sequence[Job], compare: bool) -> None:
    """Never write over an input.

    Raises:
        ValueError: Names the first.
    """
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        for path in (job.target, job.comparison if compare else None):
            if path and path.resolve() in sources:
                raise ValueError(f"the result for {job.source} would replace {path}, an input; choose another folder.")
