"""Show, fetch and check published weights, which nothing else fetches."""

from collections.abc import Iterable, Mapping

from rich.filesize import decimal

from biasgan.io.download import download
from biasgan.io.weight_files import DIGITS, FILES, WeightFile, WeightsError, files_of
from biasgan.system.console import say


def chosen(names: Iterable[str], suites: Mapping[str, Iterable[str]]) -> dict[str, WeightFile]:
    """The files that are meant by names of files, metrics or suites; all if there is no name.

    Args:
        names: As they were given.
        suites: Names of suites → their metrics.

    Raises:
        ValueError: If a name is unknown.
    """
    files: dict[str, WeightFile] = {}
    for name in names:
        found = {file: FILES[file] for file in FILES if file == name}
        for user in suites.get(name, [name]):
            found |= files_of(user)
        if not found and name not in suites:
            known = sorted({*FILES, *suites, *(user for file in FILES.values() for user in file.used_by)})
            raise ValueError(f"unknown name {name!r}; expected some of {', '.join(known)}.")
        files |= found
    return files or (dict(FILES) if not names else {})


def show(files: Mapping[str, WeightFile]) -> int:
    """Print what is known of files and which are there."""
    for name, file in files.items():
        size = "size unknown" if file.size is None else decimal(file.size)
        say(
            f"{name}: {'there' if file.path.is_file() else 'missing'}, for {', '.join(file.used_by)}",
            f"  {size}, {file.licence}, SHA-256: {described(file)}",
            f"  {file.address}",
            f"  {file.path}",
        )
    return 0


def fetch(files: Mapping[str, WeightFile]) -> int:
    """Bring files that are missing, and check those that are there."""
    for name, file in files.items():
        download(file.address, file.path, f"sha256:{file.known_sha256}", file.size)
        file.settle()
        say(f"{name}: {file.path}")
    return 0


def verify(files: Mapping[str, WeightFile]) -> int:
    """Compare files that are there with what is known of them; 1 if one is damaged."""
    damaged = 0
    for name, file in files.items():
        if not file.path.is_file():
            say(f"{name}: missing")
            continue
        state = "as it should be" if file.known_sha256 else "seen for the first time, so that nothing vouches for it"
        try:
            file.settle()
            say(f"{name}: {state}. SHA-256: {described(file)}")
        except WeightsError as error:
            damaged = 1
            say(f"{name}: {error}")
    return damaged


def described(file: WeightFile) -> str:
    """What is known of a file's hash."""
    known = file.known_sha256
    if len(file.sha256) == DIGITS:
        return known
    stated = f"only its first digits, {file.sha256}, are published" if file.sha256 else "none is published"
    return f"{known} when it came first; {stated}" if len(known) == DIGITS else f"unknown; {stated}"
