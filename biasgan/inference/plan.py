"""Which image files are restored, and where the results go."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from biasgan.images import EXTENSIONS, ImageError, list_images
from biasgan.inference.photo import FORMAT_OF

RESTORED, COMPARE = "restored", "compare"
"""What names of results end with."""
READABLE = (*EXTENSIONS, ".bpg")
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
    file = into if into and not into.is_dir() and into.suffix.lower() in (*FORMAT_OF, *READABLE) else None
    if file and file.suffix.lower() not in FORMAT_OF:
        raise ValueError(f"{file} has no extension that can be written; expected {', '.join(FORMAT_OF)}, or a folder.")
    if into and not file and into.exists() and not into.is_dir():
        raise ValueError(f"{into} is a file without an extension that can be written; expected a folder.")
    found, missing = find(inputs, None if file else into)
    found, results = without_results(found)
    if file and (len(inputs) > 1 or len(found) > 1 or Path(inputs[0]).is_dir()):
        raise ValueError(f"{file} names one file, and there may be several results; give a folder.")
    if file:
        jobs = [Job(one.path, file, file.with_name(f"{file.stem}-{COMPARE}.png")) for one in found]
    elif into:
        names = different(found)
        jobs = [
            Job(one.path, into / f"{name}{extension}", into / f"{name}-{COMPARE}.png")
            for one, name in zip(found, names, strict=True)
        ]
    else:
        names = different([Found(one.path, one.path) for one in found])
        jobs = [
            Job(one.path, Path(f"{name}-{RESTORED}{extension}"), Path(f"{name}-{COMPARE}.png"))
            for one, name in zip(found, names, strict=True)
        ]
    refuse_inputs_as_results(jobs, compare)
    jobs = [job if compare else job._replace(comparison=None) for job in jobs]
    left = [job for job in jobs if overwrite or not all(path.exists() for path in job[1:] if path)]
    return Plan(left, len(jobs) - len(left), results, missing)


def find(inputs: Sequence[str], out: Path | None) -> tuple[list[Found], list[str]]:
    """Look for files, each once, outside of a folder; the second list says what was not found."""
    found: dict[Path, Found] = {}
    missing: list[str] = []
    several = sum(Path(given).is_dir() for given in inputs) > 1
    outside = out.resolve() if out else None
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            try:
                files = list_images(path, READABLE)
            except ImageError as error:
                missing.append(str(error))
                continue
            # Several folders stay apart in the output.
            top = Path(path.resolve().name if several else "")
            named = [Found(file, top / file.relative_to(path)) for file in files]
        elif path.exists() or not MAGIC & set(given):
            named = [Found(path, Path(path.name))]
            if not path.exists():
                missing.append(f"{given} is not there.")
                continue
        else:
            root = fixed_part(path)
            files = (Found(file, file.relative_to(root)) for file in sorted(root.glob(str(path.relative_to(root)))))
            named = [file for file in files if file.path.is_file() and not is_hidden(file.name)]
            if not named:
                missing.append(f"{given} matches no file.")
        for one in named:
            resolved = one.path.resolve()
            if path == one.path or outside is None or not resolved.is_relative_to(outside):
                found.setdefault(resolved, one)
    return list(found.values()), missing


def fixed_part(pattern: Path) -> Path:
    """The folder that a pattern begins with."""
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if MAGIC & set(part))
    return Path(*parts[:first])


def is_hidden(path: Path) -> bool:
    """Whether a part of it begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def without_results(found: Sequence[Found]) -> tuple[list[Found], int]:
    """Leave out what is a result for another input; how many these were."""
    made = {
        one.path.with_name(f"{name}-{word}")
        for one in found
        for name in (one.path.stem, with_extension(one.path).name)
        for word in (RESTORED, COMPARE)
    }
    left = [one for one in found if one.path.with_suffix("") not in made]
    return left, len(found) - len(left)


def different(found: Sequence[Found]) -> list[Path]:
    """A name for the result of each, without extension: no two are equal, even where case does not count."""
    met = Counter(str(one.name.with_suffix("")).lower() for one in found)
    names: list[Path] = []
    taken: Counter[str] = Counter()
    for one in found:
        name = one.name.with_suffix("")
        if met[str(name).lower()] > 1:
            name = with_extension(one.name)
        taken[str(name).lower()] += 1
        times = taken[str(name).lower()]
        names.append(name if times == 1 else name.with_name(f"{name.name}-{times}"))
    return names


def with_extension(path: Path) -> Path:
    """NAME.jpg → NAME-jpg."""
    return path.with_name(path.stem + path.suffix.replace(".", "-"))


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
