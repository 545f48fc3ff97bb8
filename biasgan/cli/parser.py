"""Command lines of words and --flags."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from biasgan.io.files import exists, expanded


class Parser(argparse.ArgumentParser):
    """Reads words and --flags, and answers the NAME=VALUE of former releases with what is written now.

    Args:
        command: Its name.
        text: What --help says first.
        former: Flags that were options of the form NAME=VALUE.
        passes_on: Whether there may be options for another command, behind `--`; they are its `rest`.
    """

    def __init__(self, command: str, text: str, former: Sequence[str] = (), passes_on: bool = False) -> None:
        super().__init__(
            f"biasgan {command}",
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.former = former
        self.passes_on = passes_on

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read what stands behind the command.

        Raises:
            SystemExit: With status 2 if it is no such command, with 0 for --help.
        """
        end = words.index("--") if self.passes_on and "--" in words else len(words)
        own, rest = list(words[:end]), list(words[end + 1 :])
        flags, others = self.as_now(own)
        if flags != own:
            now = [*flags, *(["--", *others, *rest] if others or rest else [])]
            self.exit(2, f"{self.prog}: error: options are --flags now; write: {self.prog} {shlex.join(now)}\n")
        return self.parse_args(own, argparse.Namespace(rest=rest))

    def as_now(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Words of this command as they are written now, and those that are for another one."""
        own: list[str] = []
        others: list[str] = []
        for before, word in zip(("", *words), words, strict=False):
            name, _, value = word.partition("=")
            if before.startswith("-") or word.startswith("-") or exists(Path(word)):
                own.append(word)
            elif name in self.former and value:
                own += {"true": [f"--{name}"], "false": []}.get(value.lower(), [f"--{name}", value])
            elif self.passes_on and (value or word.startswith("~")):
                others.append(word)
            else:
                own.append(word)
        return own, others


def path(text: str) -> str:
    """A path, or a word for the package's own weights; of --out=~/x no shell has expanded the beginning."""
    return expanded(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1; got {text}")
    return number


def positive(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {text}")
    return number
