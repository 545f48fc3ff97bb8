"""Where the classes are now that saved files name by where they were."""

import re
from collections.abc import Mapping
from typing import Any, cast

MOVED = {
    "checkpoint": "runs.weights",
    "data.coded": "data.pairs.coded",
    "data.given": "data.pairs.given",
    "data.streaming": "data.streaming.streamed",
    "training.batch_statistics": "training.callbacks.batch_statistics",
    "training.bias_monitor": "training.callbacks.bias_monitor",
    "training.checkpoints": "training.callbacks.checkpoints",
    "training.callbacks.curves": "training.callbacks.pictures",
    "training.callbacks.previews": "training.callbacks.pictures",
    "training.conditional_discriminator": "training.mitigations.conditional_discriminator",
    "training.csv_log": "training.loggers.csv_log",
    "training.curves": "training.callbacks.pictures",
    "training.divergence_regularizer": "training.mitigations.divergence_regularizer",
    "training.ema": "training.callbacks.ema",
    "training.interrupt": "training.callbacks.interrupt",
    "training.previews": "training.callbacks.pictures",
    "training.progress": "training.callbacks.progress",
    "training.random_state": "training.callbacks.random_state",
    "training.throughput": "training.callbacks.throughput",
    "training.wandb_log": "training.loggers.wandb_log",
}
"""Modules of former releases → those of this one, both inside the package."""

NAME = re.compile(r"(.*=)?biasgan\.([a-z0-9_.]+)\.(\w+)")
"""The whole name of a class or function, perhaps as the value of an option."""


CONTENDER = re.compile(r"contender=([a-z]+)(?:_([a-z]+))?")
"""Option of former releases for a baseline and its method, `contender=esrgan_full`."""


def as_now(saved: Any) -> Any:  # noqa: ANN401 - any part of what was saved
    """A part of a saved configuration in plain containers, with the names that this release has for its classes."""
    if isinstance(saved, Mapping):
        return {key: as_now(value) for key, value in cast(Mapping[str, object], saved).items()}
    if isinstance(saved, list | tuple):
        return [as_now(each) for value in cast(list[object], saved) for each in parted(value)]
    named = NAME.fullmatch(saved) if isinstance(saved, str) else None
    if named and named[2] in MOVED:
        return f"{named[1] or ''}biasgan.{MOVED[named[2]]}.{named[3]}"
    return saved


def parted(value: object) -> list[object]:
    """An element of a list that was saved, or the two options that stand for it now."""
    named = CONTENDER.fullmatch(value) if isinstance(value, str) else None
    options = zip(("baseline", "method"), named.groups(), strict=True) if named else ()
    return [f"{name}={given}" for name, given in options if given] or [value]
