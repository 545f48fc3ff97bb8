import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from biasgan.io.files import expanded


def read_arguments(
    arguments: Sequence[str], usage: str, words: Sequence[str] = (), options: Mapping[str, str | None] = {}
) -> dict[str, str]:
    """Read the command line of a small command: words in their order, and options as KEY=VALUE.

    Where --help is among them, print how to use the command and exit.

    Args:
        arguments: What stands behind the command.
        usage: What --help prints.
        words: Names of the words, all of which must be given.
        options: Options with what they are where they are not given; None for those that must be given.

    Returns:
        All words and options by name.

    Raises:
        ValueError: If something is missing, unknown, or given twice; names it.
    """
    if {"--help", "-h"} & set(arguments):
        sys.stdout.write(usage.strip() + "\n")
        sys.exit()
    given: dict[str, str] = {}
    free = list(words)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        # A path may have an equals sign too.
        if not (equals and name.isidentifier()) or (free and name not in options and Path(argument).exists()):
            if not free:
                raise ValueError(f"{argument!r} is one word too many. {expected(words, options)}")
            name, value = free.pop(0), argument
        elif name not in options:
            close = get_close_matches(name, options, 1)
            hint = f"; do you mean {close[0]}=?" if close else "."
            raise ValueError(f"There is no option {name}={hint} {expected(words, options)}")
        if name in given:
            raise ValueError(f"{name}= is given twice.")
        if not value:
            raise ValueError(f"{name}= has no value.")
        given[name] = value
    if missing := [*free, *(f"{name}=" for name, default in options.items() if default is None and name not in given)]:
        raise ValueError(f"Missing: {', '.join(missing)}. {expected(words, options)}")
    return {name: default for name, default in options.items() if default is not None} | given


def expected(words: Sequence[str], options: Mapping[str, str | None]) -> str:
    """What a command takes, for its error messages."""
    return f"Expected: {' '.join([*words, *(f'{name}=' for name in options)])}; see --help."


def read_path(value: str) -> str:
    """A path, or a word for the package's own weights; what follows KEY= no shell has expanded."""
    return expanded(value)


def read_switch(name: str, value: str) -> bool:
    """An option that is true or false.

    Raises:
        ValueError: If it is neither.
    """
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{name} must be true or false; got {value!r}.")
    return value.lower() == "true"


def read_number(name: str, value: str) -> float:
    """An option that is a number.

    Raises:
        ValueError: If it is none.
    """
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{name} must be a number; got {value!r}.") from None
