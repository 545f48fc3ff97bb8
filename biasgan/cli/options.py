"""Options: as the shell gives them, as Hydra's grammar has them, and with those of another run."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from biasgan.io.files import expanded
from biasgan.io.hub import on_hub
from biasgan.runs.folder import AUTO, RunFolder
from biasgan.system.imports import importing

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

OF_ONE_ATTEMPT = ("resume=", "pixel_stage=", "repeats=", "sweep.", "logger.wandb.id=", "+logger.wandb.id=")
"""What is left out where a run is repeated, since it gives no other weights."""

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
    return is_there(value) or is_word(name, value) or in_quotes(value) or is_address(value)


def is_address(value: str) -> bool:
    """Whether a value leads elsewhere, as s3://… and hf:… do."""
    return "://" in value or on_hub(value)


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
    """A path from the root on; an address is left alone."""
    return path if is_address(path) else str(Path(expanded(path)).absolute())


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


def with_options_of_another(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments in Hydra's grammar, with the options of the run that is to be repeated or resumed.

    An option that is given again replaces the run's.

    Raises:
        CheckpointError: If the run's weights are damaged, or say nothing of its options.
        FileNotFoundError: If there is no such run.
        ValueError: As `as_given`, or if no run is named.
    """
    return with_options_of_resumed(as_given(with_options_of_repeated(arguments)))


def with_options_of_repeated(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments, with the options of the run that `--from RUN` names in its place.

    Raises:
        CheckpointError: If the run's weights are damaged, or say nothing of its options.
        FileNotFoundError: If there is no such run.
        ValueError: If none is named.
    """
    words = list(arguments)
    place = next((n for n, word in enumerate(words) if word.partition("=")[0] == "--from"), None)
    if place is None:
        return words
    _, equals, run = words.pop(place).partition("=")
    run = run if equals or place == len(words) else words.pop(place)
    if not run:
        raise ValueError("--from names no run; give its folder, a checkpoint of it, or its weights: --from RUN.")
    config = config_of(Path(run))
    options = [option for option in config["options"] if not option.startswith(OF_ONE_ATTEMPT)]
    if not {"-m", "--multirun"} & set(words):
        # An experiment makes a sweep, of which the run was one job.
        options.append("hydra.mode=RUN")
    words.insert(place, f"repeats={quoted(Path(run))}")
    return with_options({**config, "options": options}, words, place)


def config_of(run: Path) -> Mapping[str, Any]:
    """The configuration of a run, from its weights; from `config.yaml` where it has none yet.

    Raises:
        CheckpointError: If the weights are damaged, or say nothing of the run's options.
        FileNotFoundError: If there is no such run.
    """
    with importing():
        from biasgan.runs.weights import CheckpointError, generator_file, read_config
    try:
        config = read_config(generator_file(run))
    except FileNotFoundError:
        if not RunFolder(run).config.is_file():
            raise
        config = RunFolder(run).read_config()
    if "options" not in config:
        raise CheckpointError(f"{run} does not say with which options it was trained, so it cannot be repeated.")
    return config


def with_options_of_resumed(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments in Hydra's grammar, with the options of the run that is to be resumed.

    Raises:
        CheckpointError: If the run's checkpoint is damaged.
        FileNotFoundError: If there is none.
    """
    found = ((n, path_in(word)) for n, word in enumerate(arguments) if word.startswith("resume="))
    place, resume = next(found, (0, None))
    if not resume or resume == AUTO:
        return list(arguments)
    with importing():
        from biasgan.runs.resumption import checkpoint_of
        from biasgan.runs.weights import read_config
    # Not from the run folder, where a failed attempt to resume with other options would have left its own.
    return with_options(read_config(checkpoint_of(Path(resume))), arguments, place)


def with_options(config: Mapping[str, Any], arguments: Sequence[str], place: int) -> list[str]:
    """Arguments, and at a place among them the options of a run's configuration that are not given."""
    given = {argument.split("=")[0] for argument in arguments}
    options = [option for option in config["options"] if option.split("=")[0] not in given]
    folder = config.get("config_dir")
    flags = [f"--config-dir={folder}"] if folder and not {"--config-dir", "-cd"} & given else []
    return [*flags, *arguments[:place], *options, *arguments[place:]]
