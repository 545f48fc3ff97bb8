from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from biasgan.training.numbers import check_parts

Node = Mapping[str, Any]
"""A constructor call of a configuration: its `_target_` and its arguments, in plain containers."""

COUNTS = ("iterations", "validate_every", "checkpoint_every", "batch_size", "patch_size", "accumulate")


@dataclass(frozen=True)
class Start:
    """What a training starts from, where that is not random weights: runs, checkpoints or weight files.

    Attributes:
        generator: Weights of the generator.
        discriminator: Weights of the discriminator.
        published: The file that a published generator was built from.
        pixel_stage: Another run, whose pixel stage stands for this one's own.
    """

    generator: str | None
    discriminator: str | None
    published: str | None
    pixel_stage: str | None


@dataclass(frozen=True)
class Parts:
    """What a training is built of; callbacks and loggers by name, in their order."""

    data: Node
    module: Node
    trainer: Node
    callbacks: Mapping[str, Node]
    loggers: Mapping[str, Node]


@dataclass(frozen=True)
class Settings:
    """What a training is told, read and checked once, where its command begins.

    Attributes:
        quality: Of the codec; None where pairs are given.
        best_metric: The validation's metric that the best checkpoint is best in.
        resume: A run, a checkpoint or `auto` to go on from.
        restarts: How often all processes start again after a failure; None is the usual number.
        repeats: The run that this one repeats.
        chosen: Names of the choices: baseline, method, codec, data and scale.
        recorded: The whole resolved configuration in plain containers, as all that the run leaves carries it.
    """

    seed: int
    iterations: int
    pretrain_iterations: int
    patch_size: int
    quality: int | None
    best_metric: str
    compile: bool
    resume: str | None
    restarts: int | None
    repeats: str | None
    start: Start
    parts: Parts
    chosen: Mapping[str, str]
    recorded: Mapping[str, Any]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Settings":
        """Read a configuration.

        Args:
            config: Resolved, in plain containers, with the names of the choices under `chosen`, the command's options
                under `options`, and its folder of further choices, if any, under `config_dir`.

        Raises:
            ValueError: If a number would only fail later, or in words that name no option, or images would be fetched
                within the training; says what to do.
        """
        check_numbers(config)
        images: Mapping[str, Any] = config.get("data") or {}
        # Nobody would watch it, and every process would do it.
        if images.get("download"):
            raise ValueError(
                "A training does not download. Run biasgan prepare with the same data= and data.root= first."
            )
        return cls(
            seed=config["seed"],
            iterations=config["iterations"],
            pretrain_iterations=config["pretrain_iterations"],
            patch_size=config["patch_size"],
            quality=config["quality"] if config["codec"] else None,
            best_metric=config["best"]["metric"],
            compile=config["compile"],
            resume=config["resume"],
            restarts=config["restarts"],
            repeats=config["repeats"],
            start=Start(
                config["init_from"], config["init_discriminator_from"], config.get("path"), config["pixel_stage"]
            ),
            parts=Parts(config["loader"], config["training"], config["trainer"], config["callbacks"], config["logger"]),
            chosen=config["chosen"],
            recorded=config,
        )

    @property
    def may_take_several_processes(self) -> bool:
        """Whether there may be more than one to start here, be it one after the other."""
        trainer = self.parts.trainer
        # With further machines those of all are started from outside.
        return trainer["num_nodes"] == 1 and (trainer["devices"] != 1 or bool(self.restarts))

    @property
    def started_from(self) -> Mapping[str, str]:
        """In words, what each network started from, as far as that is recorded."""
        return self.recorded.get("started_from", {})

    def begun(self, started_from: Mapping[str, str]) -> "Settings":
        """The settings with what each network started from recorded in them."""
        return replace(self, recorded={**self.recorded, "started_from": dict(started_from)})


def check_numbers(config: Mapping[str, Any]) -> None:
    """Refuse numbers that would only fail later, or in words that name no option.

    Raises:
        ValueError: Names the option, what was expected and what came.
    """
    for name, least in {"seed": 0, "pretrain_iterations": 0, **dict.fromkeys(COUNTS, 1)}.items():
        value = config[name]
        if type(value) is not int or not least <= value < 2**32:
            raise ValueError(f"{name} must be a whole number from {least} to {2**32 - 1}; got {value!r}.")
    check_parts(config["batch_size"], config["accumulate"])
    restarts = config["restarts"]
    if restarts is not None and (type(restarts) is not int or restarts < 0):
        raise ValueError(f"restarts must be a whole number from 0 on, or null for the usual one; got {restarts!r}.")
    steps, iterations = config["trainer"]["max_steps"], config["iterations"]
    if type(steps) is not int or not 1 <= steps <= iterations:
        raise ValueError(
            f"trainer.max_steps stops a training of iterations={iterations} early, so it must be from 1 to "
            f"{iterations}; got {steps!r}. For a longer training set iterations."
        )
