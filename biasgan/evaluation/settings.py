"""What is to be evaluated, on which images and by what: read once, of a configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Trainer

from biasgan.cli.evaluated import GIVEN
from biasgan.cli.options import absolute
from biasgan.data.pairs.source import PairSource
from biasgan.metrics.suite import Suite
from biasgan.networks.vgg_features import Network
from biasgan.runs.build import build
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import config_in, generator_file

Kind = Literal["run", "weights", "restored", "compressed"]
KINDS: Mapping[str, Kind] = {"run": "run", "model": "weights", "restored": "restored"}
"""Option → what it has evaluated; without any, the compressed images themselves are."""
LEAST = {"seed": 0, "pictures": 0, "patches": 1}
"""Options that are whole numbers."""
MEANING = ("data", "codec", "quality", "original", "compressed")
"""What of a configuration says which images of what quality are meant."""


@dataclass(frozen=True)
class Settings:
    """Settings of an evaluation.

    Attributes:
        kind: What is evaluated.
        path: Where it is; empty for the compressed images.
        trained: Configuration of its training; empty where it is not known.
        training: What a run left as summary.json; empty if there is none.
        folder: Gets what is found.
        source: Of the images.
        set_name: A short name for them.
        quality: At which they are compressed; None if they were before.
        suite: Makes the metrics.
        feature_network: That of the features by which distances are measured, `vgg19` or `vgg16`.
        feature_weights: Its weights.
        layers: Weight of each of its layers.
        patches: Features are compared of at most so many of an image; None takes all.
        pictures: Of how many images pictures are written.
        precision: Of the network.
        seed: Of the bootstrap's draws.
        trainer: Makes what runs all this on devices.
        options: Of the command.
    """

    kind: Kind
    path: str
    trained: Mapping[str, Any]
    training: Mapping[str, Any]
    folder: Path
    source: PairSource
    set_name: str
    quality: float | str | None
    suite: Callable[[], Suite]
    feature_network: Network
    feature_weights: str
    layers: Mapping[str, float]
    patches: int | None
    pictures: int
    precision: str
    seed: int
    trainer: Callable[[], Trainer]
    options: Sequence[str] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any], data: str, options: Sequence[str] = ()) -> "Settings":
        """Those that a configuration describes.

        Args:
            config: Resolved, in plain containers.
            data: Name of the choice of images.
            options: Of the command.

        Raises:
            CheckpointError: If the weights that are meant are damaged.
            FileNotFoundError: If there are none.
            ValueError: If an option is out of its range, or more than one thing is to be evaluated.
        """
        kind, path = subject_in(config)
        check_numbers(config)
        trained = (config_in(generator_file(path)) or {}) if kind in ("run", "weights") else {}
        source, set_name = build(PairSource, config["pairs"]), set_name_in(config, data)
        label = f"{set_name}-{source.identity['codec']}-{config['quality']}"
        features: dict[str, Any] = dict(config["usual_features"])
        features |= trained.get("features", {}) if kind == "run" else {}
        features |= {key: value for key, value in config["features"].items() if value is not None}
        return cls(
            kind=kind,
            path=path,
            trained=trained,
            training=RunFolder(path).read_summary() if kind == "run" else {},
            folder=folder_for(config, trained, kind, path, label),
            source=source,
            set_name=set_name,
            quality=config["quality"] if config["codec"] else None,
            suite=partial(build, Suite, config["metrics"]),
            feature_network=features["network"],
            feature_weights=features["weights"],
            layers=features["layers"],
            **{name: config[name] for name in ("patches", "pictures", "seed")},
            precision=str(config["precision"]),
            trainer=partial(build, Trainer, config["trainer"]),
            options=options,
        )

    @property
    def network(self) -> str:
        """Where the network is that restores; empty if none does."""
        return self.path if self.kind in ("run", "weights") else ""


def subject_in(config: Mapping[str, Any]) -> tuple[Kind, str]:
    """What is to be evaluated, and where it is.

    Raises:
        ValueError: If there is more than one, or the run is no folder.
    """
    given = {name: str(config[name]) for name in KINDS if config[name]}
    if len(given) > 1:
        named = " and ".join(f"{name}={path}" for name, path in given.items())
        raise ValueError(f"run=, model= and restored= exclude each other; got {named}. Give one of them.")
    for name, path in given.items():
        if name == "run" and not Path(path).is_dir():
            raise ValueError(
                f"run={path} is no folder; expected that of a run. A weight file is evaluated by model=FILE."
            )
        return KINDS[name], path
    return "compressed", ""


def check_numbers(config: Mapping[str, Any]) -> None:
    """Refuse numbers that would only fail later, or in words that name no option.

    Raises:
        ValueError: Names the option.
    """
    for name, least in LEAST.items():
        value = config[name]
        if (type(value) is not int or value < least) and not (name == "patches" and value is None):
            raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}.")


def set_name_in(config: Mapping[str, Any], data: str) -> str:
    """A short name for the images: of their folder where any may be meant, else of the choice."""
    images: Mapping[str, Any] = config.get("data") or {}
    given = config.get("original") if data == "pairs" else images.get("root")
    return Path(given).resolve().name if given and data in ("folder", "images", *GIVEN) else data


def folder_for(config: Mapping[str, Any], trained: Mapping[str, Any], kind: Kind, path: str, label: str) -> Path:
    """Where an evaluation is written.

    Args:
        config: The configuration.
        trained: That of the training.
        kind: Of what is evaluated.
        path: Where that is.
        label: Of set, codec and quality.
    """
    if config["out"]:
        return Path(config["out"])
    if kind == "run":
        return Path(path) if meaning(config) == meaning(trained) else Path(path, label)
    name = Path(path).stem if kind == "weights" else Path(path).resolve().name if path else kind
    return Path("evaluations", f"{name}-{label}")


def meaning(config: Mapping[str, Any]) -> dict[str, Any]:
    """Which images of what quality a configuration means; earlier runs have relative paths."""
    data: Mapping[str, Any] = config.get("data") or {}
    paths = {"root": data.get("root"), "original": config.get("original"), "compressed": config.get("compressed")}
    meant = {name: config.get(name) for name in MEANING}
    return {**meant, "data": {**data, "root": None}, **{name: path and absolute(path) for name, path in paths.items()}}
