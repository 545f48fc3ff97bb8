"""With which options a run is repeated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biasgan.cli.config import with_options
from biasgan.cli.options import quoted
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import CheckpointError, generator_file, read_config

OF_ONE_ATTEMPT = ("resume=", "pixel_stage=", "repeats=", "sweep.", "logger.wandb.id=", "+logger.wandb.id=")


def with_options_of_repeated(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments, with the options of the run that `--from RUN` names in its place.

    An option that is given again replaces the run's. What the run was resumed from, or shared with other jobs of a
    sweep, is left out, since it gives no other weights.
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
    """The configuration of a run, from its weights; from `config.yaml` where it has none yet."""
    try:
        config = read_config(generator_file(run))
    except FileNotFoundError:
        if not RunFolder(run).config.is_file():
            raise
        config = RunFolder(run).read_config()
    if "options" not in config:
        raise CheckpointError(f"{run} does not say with which options it was trained, so it cannot be repeated.")
    return config
