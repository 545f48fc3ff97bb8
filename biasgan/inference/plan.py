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
    format: str | None = None,
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
        format: Of the results; by default that of the name of `out`, or else PNG.
        compare: Whether pictures of what changed are wanted too: NAME-compare beside the results.
        overwrite: Whether results that are there are to be made again.

    Raises:
        ValueError: If a result would replace an input, or `out` names a file and there is more than one input, or
            another format.
    """
    into = Path(out) if out else None
    file = file_named(into, format)
    met, missing, left_out = find(inputs, None if file else into)
    inputs_alone = set(without_results([one.path for one in met]))
    found = [one for one in met if one.path in inputs_alone]
    if file and (len(inputs) > 1 or len(found) > 1 or is_folder(Path(inputs[0]))):
        raise ValueError(f"{file} names one file, and there may be several results; give a folder.")
    if file:
        jobs = [job(one, file, file.stem) for one in found]
    else:
        extension = f".{format or 'png'}"
        places = [into / name for name in distinct([one.name for one in found])] if into else []
        places = places or distinct([one.path for one in found])
        stems = [
            fitting(place.name, room=len(extension)) if into else result_name(place.name, RESTORED) for place in places
        ]
        targets = [place.with_name(stem + extension) for place, stem in zip(places, stems, strict=True)]
        jobs = [job(*each) for each in zip(found, targets, [place.name for place in places], strict=True)]
    jobs = [one if compare else one._replace(comparison=None) for one in jobs]
    refuse_inputs_as_results(jobs)
    left = [one for one in jobs if overwrite or not all(exists(path) for path in one[1:] if path)]
    return Plan(left, len(jobs) - len(left), len(met) - len(found), missing, left_out)


def file_named(out: Path | None, format: str | None) -> Path | None:
    """The file that the output names; None for a folder.

    Raises:
        ValueError: If it cannot be written, or is of another format.
    """
    if out is None or is_folder(out):
        return None
    suffix = out.suffix.lower()
    if named := FORMAT_OF.get(suffix):
        if format not in (None, named):
            raise ValueError(f"{out} is {named}, and --format says {format}; leave one of them out.")
        return out
    if suffix in (*extensions(), BPG):
        raise ValueError(f"{out} has no extension that can be written; expected {', '.join(FORMAT_OF)}, or a folder.")
    if exists(out):
        raise ValueError(f"{out} is a file without an extension that can be written; expected a folder.")
    return None


def job(found: Found, target: Path, name: str) -> Job:
    """What is to be done for a file; the name is what the comparison is named after."""
    return Job(found.path, target, target.with_name(f"{result_name(name, COMPARE)}.png"))


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
            # Several folders stay apart in the output.
            named = in_folder(path, path.resolve().name if several else "", missing, left_out)
        elif exists(path):
            named = [Found(path, Path(path.name))]
        elif MAGIC & set(given):
            named = matching(path)
            missing += [f"{given} matches no file."] * (not named)
        else:
            named = []
            missing.append(f"{given} is not there.")
        for one in named:
            if path == one.path or outside is None or not one.path.resolve().is_relative_to(outside):
                # A link is a picture of its own name, as it is in a set of images.
                found.setdefault(one.path.parent.resolve() / one.path.name, one)
    return list(found.values()), missing, left_out


def in_folder(folder: Path, top: str, missing: list[str], left_out: list[str]) -> list[Found]:
    """The pictures in a folder; adds what is wrong with it, and what else is there."""
    inside = listing(folder, (*extensions(), BPG))
    # One that is closed costs no picture elsewhere.
    missing += inside.closed
    try:
        files = images_of(folder, inside._replace(closed=[]))
    except ImageError as error:
        missing.append(str(error))
        return []
    left_out += inside.left_out
    return [Found(file, top / file.relative_to(folder)) for file in files]


def matching(pattern: Path) -> list[Found]:
    """The files that a pattern matches, below the folder that it begins with."""
    first = next(index for index, part in enumerate(pattern.parts) if MAGIC & set(part))
    root = Path(*pattern.parts[:first])
    files = (Found(file, file.relative_to(root)) for file in sorted(root.glob(str(pattern.relative_to(root)))))
    return [one for one in files if one.path.is_file() and not any(part.startswith(".") for part in one.name.parts)]


def is_folder(path: Path) -> bool:
    """Whether it is a folder."""
    return exists(path) and path.is_dir()


def refuse_inputs_as_results(jobs: Sequence[Job]) -> None:
    """Never write over an input.

    Raises:
        ValueError: Names the first.
    """
    sources = {one.source.resolve() for one in jobs}
    for source, *results in jobs:
        for path in results:
            if path and path.resolve() in sources:
                raise ValueError(f"the result for {source} would replace {path}, an input; choose another folder.")
