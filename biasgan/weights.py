"""Published weights, which nothing but this command fetches: `python -m biasgan.weights list`."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.filesize import decimal

from biasgan.cli.config import CONF
from biasgan.cli.errors import plain_errors
from biasgan.io.download import download
from biasgan.io.weight_files import DIGITS, FILES, WeightFile, WeightsError, files_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser("biasgan.weights", description="Weights that features and metrics need.")
    parser.add_argument("command", choices=COMMANDS, help="show all, bring what is missing, or look for damage")
    parser.add_argument(
        "names", nargs="*", help="files, metrics such as lpips, suites such as paper, or vgg19; by default all files"
    )
    given = parser.parse_args(arguments)
    with plain_errors():
        files = chosen(given.names)
        if given.command == "fetch" and not given.names:
            raise ValueError(f"Name what to fetch: {', '.join(suites())}, vgg19, a metric or a file.")
        sys.exit(COMMANDS[given.command](files))


def chosen(names: Iterable[str]) -> dict[str, WeightFile]:
    """The files that are meant by names of files, metrics or suites; all if there is no name.

    Raises:
        ValueError: If a name is unknown.
    """
    files: dict[str, WeightFile] = {}
    for name in names:
        users = suites().get(name, [name])
        found = {file: FILES[file] for file in FILES if file == name}
        for user in users:
            found |= files_of(user)
        if not found and name not in suites():
            known = sorted({*FILES, *suites(), *(user for file in FILES.values() for user in file.used_by)})
            raise ValueError(f"unknown name {name!r}; expected some of {', '.join(known)}.")
        files |= found
    return files or (dict(FILES) if not names else {})


def suites() -> dict[str, list[str]]:
    """Name of each suite in conf/metrics → its metrics."""
    files = sorted((CONF / "metrics").glob("*.yaml"))
    return {file.stem: list(cast(DictConfig, OmegaConf.load(file)).metrics) for file in files}


def show(files: Mapping[str, WeightFile]) -> int:
    """Print what is known of files and which are there."""
    console = plain_console()
    for name, file in files.items():
        size = "size unknown" if file.size is None else decimal(file.size)
        console.print(
            f"{name}: {'there' if file.path.is_file() else 'missing'}, for {', '.join(file.used_by)}",
            f"  {size}, {file.licence}, SHA-256: {described(file)}",
            f"  {file.address}",
            f"  {file.path}",
            sep="\n",
        )
    return 0


def fetch(files: Mapping[str, WeightFile]) -> int:
    """Bring files that are missing, and check those that are there."""
    console = plain_console()
    for name, file in files.items():
        download(file.address, file.path, f"sha256:{file.known_sha256}", file.size)
        file.settle()
        console.print(f"{name}: {file.path}")
    return 0


def verify(files: Mapping[str, WeightFile]) -> int:
    """Compare files that are there with what is known of them; 1 if one is damaged."""
    console = plain_console()
    damaged = 0
    for name, file in files.items():
        if not file.path.is_file():
            console.print(f"{name}: missing")
            continue
        state = "as it should be" if file.known_sha256 else "seen for the first time, so that nothing vouches for it"
        try:
            file.settle()
            console.print(f"{name}: {state}. SHA-256: {described(file)}")
        except WeightsError as error:
            damaged = 1
            console.print(f"{name}: {error}")
    return damaged


def described(file: WeightFile) -> str:
    """What is known of a file's hash."""
    known = file.known_sha256
    if len(file.sha256) == DIGITS:
        return known
    stated = f"only its first digits, {file.sha256}, are published" if file.sha256 else "none is published"
    return f"{known} when it came first; {stated}" if len(known) == DIGITS else f"unknown; {stated}"


def plain_console() -> Console:
    """A console that prints lines as they are."""
    return Console(soft_wrap=True, highlight=False, markup=False)


COMMANDS = {"list": show, "fetch": fetch, "verify": verify}

if __name__ == "__main__":
    main()
