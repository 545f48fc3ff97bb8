"""Options as the shell gives them, and as Hydra's grammar has them."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from biasgan.io.files import expanded

GENERATORS = ("bundled", "bundled-pixel")
PATHS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("data.root", "original", "compressed", "restored", "run", "pixel_stage", "repeats"), ()),
    **dict.fromkeys(("out", "to", "pairs.store", "pairs.cache"), ()),
    **dict.fromkeys(("model", "path", "init_from"), GENERATORS),
    "init_discriminator_from": ("bundled",),
    "features.weights": ("imagenet", "random", "auto"),
    "resume": ("auto",),
}
"""Options that take a path → words that mean something else there. A folder of such a name is given as ./NAME."""

WRITTEN = ("out", "to", "pairs.store", "pairs.cache")
"""Those of them that need not be there yet."""

SINGLE = ("hydra.run.dir", "hydra.sweep.dir", "sweep.name")
"""Further options that are taken as they are given; there are never several."""

RUN_FOLDERS = ("resume=", "hydra.run.dir=", "hydra.sweep.dir=")
FLAGS_WITH_VALUE = (
    *("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"),
    *("--cfg", "-c", "--package", "-p", "--experimental-rerun"),
)
QUOTED = r"""\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*"""
ELEMENT = re.compile(rf"({QUOTED}(?=,|$)|[^,]*)(,|$)", re.DOTALL)
"""One of several values between commas."""

INTERPOLATION = re.compile(r"(\\*)\$\{")
PARSER = OverridesParser.create()


def as_given(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command in Hydra's grammar, such that options of paths come out as the shell gave them.

    A path that is there is taken character by character. Otherwise Hydra's own forms hold: a value in quotes, commas
    between several values, ${…} for the value of another option. What needs no quotes is left alone, since a job of a
    sweep is known by its options.

    Raises:
        ValueError: If another option needs quotes, which shows what to write, a path is empty, or the name of a run
            folder one that Hydra fails on.
    """
    several = bool({"-m", "--multirun"} & set(arguments))
    options: list[str] = []
    for before, argument in zip(("", *arguments), arguments, strict=False):
        is_option = before not in FLAGS_WITH_VALUE and not argument.startswith(("-", "~")) and "=" in argument
        options.append(option_as_given(argument, several) if is_option else argument)
        if is_option and argument.startswith(RUN_FOLDERS) and "\\${" in options[-1]:
            raise ValueError(f"{argument}: Hydra can have no ${{ in the name of a run folder; rename it.")
    return options


def option_as_given(argument: str, several: bool) -> str:
    """An option in Hydra's grammar.

    Args:
        argument: As the shell gave it.
        several: Whether commas separate values even where none of these is known.
    """
    key, _, value = argument.partition("=")
    name = key.lstrip("+")
    if name not in (*PATHS, *SINGLE):
        return argument if parsed(argument) else f"{key}={quoted_if_there(key, value)}"
    if is_there(value):
        return f"{key}={element(name, value)}"
    if not value.strip():
        raise ValueError(f"{key}= has no value; give a path, or leave it out.")
    if in_quotes(value):
        return argument
    if name == "hydra.run.dir" and is_there(value[1:-1]) and value[0] == value[-1] == '"':
        # Lightning hands the run folder to further processes so, whatever characters it has.
        return f"{key}={quoted(value[1:-1])}"
    # To be filled in, or to be made several, by Hydra.
    if parsed(argument) and ("${" in value or (several and re.match(r"(choice|shuffle|sort)\(", value))):
        return argument
    values = list(elements(value)) if "," in value and name not in SINGLE else []
    if not several and (name in WRITTEN or not any(is_known(name, each) for each in values)):
        values = []
    return f"{key}={','.join(element(name, each) for each in values or [value])}"


def quoted_if_there(key: str, value: str) -> str:
    """The value of another option that Hydra cannot read, which may be a path too.

    Raises:
        ValueError: If it is none; shows what to write.
    """
    if is_there(value):
        return quoted(value)
    form = f"{key}={QuotedString(value, Quote.double).with_quotes()}"
    raise ValueError(f"{key}={value} has characters that must be quoted; write {shlex.quote(form)}")


def elements(value: str) -> Iterator[str]:
    """Values between commas, with the quotes of those that have some."""
    for found in ELEMENT.finditer(value):
        if found[1].strip():
            yield found[1]
        if not found[2]:
            return


def element(name: str, value: str) -> str:
    """A value as the shell gives it, in Hydra's grammar."""
    path = expanded(value)
    if is_word(name, value):
        return value
    if is_there(path) or not (in_quotes(value) or "${" in value):
        return plain_or_quoted(name, path)
    return value if in_quotes(value) else QuotedString(path, Quote.single).with_quotes()


def plain_or_quoted(name: str, path: str) -> str:
    """A path in Hydra's grammar: as it is where Hydra reads it so, else in quotes."""
    # OmegaConf takes this for a value that is missing.
    path = f"./{path}" if path == "???" else path
    reading = parsed(f"{name}={path}")
    same = reading is not None and not reading.is_sweep_override() and reading.value() == path
    return path if same and "${" not in path else quoted(path)


def quoted(path: str | Path) -> str:
    """A path as the value of an option, whatever characters it has."""
    # With twice as many backslashes and one more, OmegaConf does not look for another option there.
    text = escaped(str(path))
    return QuotedString(text, Quote.single).with_quotes()


def escaped(text: str) -> str:
    """A text that OmegaConf takes for itself, even if it has ${…} in it."""
    return INTERPOLATION.sub(r"\1\1\\${", text)


def path_in(option: str) -> str | None:
    """The path that an option in Hydra's grammar has; None if it is empty, null, or there are several."""
    value = PARSER.parse_override(option).value()
    if not isinstance(value, str):
        return None
    text = re.sub(r"(\\*)\\\$\{", lambda found: found[1][: len(found[1]) // 2] + "${", value)
    return expanded(text) or None


def is_known(name: str, value: str) -> bool:
    """Whether a value stands for something by itself."""
    return is_there(value) or is_word(name, value) or in_quotes(value) or "://" in value


def is_there(path: str) -> bool:
    """Whether a path as the shell gives it leads to something."""
    return os.path.lexists(expanded(path))


def is_word(name: str, value: str) -> bool:
    """Whether an option takes a value for something else than a path."""
    return value in (*PATHS.get(name, ()), "null")


def in_quotes(value: str) -> bool:
    """Whether all of a value is in quotes, as Hydra understands them."""
    return re.fullmatch(QUOTED, value, re.DOTALL) is not None


def parsed(option: str) -> Override | None:
    """What Hydra reads; None if it cannot."""
    try:
        return PARSER.parse_override(option)
    except HydraException:
        return None


def with_absolute_paths(config: DictConfig) -> DictConfig:
    """Make the paths in a configuration absolute, in place, so that they hold wherever it is used again."""
    for name in PATHS:
        value = OmegaConf.select(config, name)
        if isinstance(value, str) and value and not is_word(name, value):
            OmegaConf.update(config, name, escaped(absolute(value)))
    return config


def absolute(path: str) -> str:
    """A path from the root on; an address such as s3://… is left alone."""
    return path if "://" in path else str(Path(expanded(path)).absolute())


def with_paths_of(config: DictConfig, options: Sequence[str]) -> list[str]:
    """Options of a command as they are recorded: with the absolute paths of its configuration."""
    recorded: list[str] = []
    for option in options:
        key, equals, _ = option.partition("=")
        name = key.lstrip("+")
        value = OmegaConf.select(config, name) if equals and name in PATHS else None
        if isinstance(value, str) and not is_word(name, value):
            option = f"{key}={plain_or_quoted(name, value)}"
        recorded.append(option)
    return recorded
