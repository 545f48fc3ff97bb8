"""What a training that is resumed has done already, and no option can change any more."""

from collections.abc import Mapping
from pydoc import locate
from typing import Any

from biasgan.runs.folder import AUTO, flat
from biasgan.training.callbacks.ema import EMA
from biasgan.training.mitigations.mitigation import Mitigation

SAME = ("seed", "quality", "chosen.baseline", "chosen.codec", "chosen.data", "chosen.scale")
"""What a run is, from its first iteration to its last."""

SAME_ONCE_ADVERSARIAL = ("chosen.method",)
"""What it is from its first adversarial iteration to its last."""

LENGTHS = ("training.iterations", "training.pretrain_iterations")

BEGINNING = (
    *("init_from", "init_discriminator_from", "pixel_stage", "path", "pretrain_iterations"),
    *(*LENGTHS, "recipe.pixel", "recipe.adversarial"),
)
"""How it began. Only what is given in other words counts: a path may have been recorded in another form."""

QUALITY = {"qf", "qp", "ratio"}
LOGGED = (*LENGTHS, "training.log_every", "training.metrics.")
"""Of the training's own configuration, what changes nothing in what is trained, or is settled here."""
INSTEAD = "Start another run with --from RUN and this option, or from its weights with init_from=RUN."


def with_past(config: Mapping[str, Any], content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration with what is settled in the run that goes on.

    The stages and their schedules stay laid out over the iterations that the run was begun with. A longer training goes
    on with the last learning rate, in the adversarial stage if the run has one.

    Args:
        config: The resolved configuration.
        content: Of the checkpoint to go on from.

    Raises:
        ValueError: If an option would change what has happened; names it, and what to do.
    """
    past: Mapping[str, Any] = content["config"]
    given = {option.partition("=")[0].lstrip("+") for option in config["options"] if option not in past["options"]}
    refuse_changes(config, past, given, content["global_step"])
    before = past["training"]
    changes = [*past.get("changes", []), *changes_of(config, past, content["global_step"])]
    config = {**config, "changes": changes} if changes else config
    settled = {name: flat(past)[name] for name in LENGTHS if name in flat(past)}
    if "pretrain_iterations" in before:
        more = before["pretrain_iterations"] < before["iterations"]
        settled["pretrain_iterations"] = before["pretrain_iterations"] if more else config["iterations"]
    if "iterations" in given and "trainer.max_steps" not in given:
        settled["trainer.max_steps"] = config["iterations"]
    now = flat(config)
    changed = {name: value for name, value in settled.items() if now[name] != value}
    # So that whoever repeats the run gets the same.
    options = [option for option in config["options"] if option.partition("=")[0] not in changed]
    config = {**config, "options": [*options, *(f"{name}={value}" for name, value in changed.items())]}
    for name, value in changed.items():
        group, _, key = name.rpartition(".")
        config = {**config, **({group: {**config[group], key: value}} if group else {key: value})}
    return config


def refuse_changes(config: Mapping[str, Any], past: Mapping[str, Any], given: set[str], done: int) -> None:
    """Refuse options that would change what has happened.

    Args:
        config: The resolved configuration.
        past: That of the run that is resumed.
        given: Names of the options that the run did not have in the same words.
        done: Its iterations.

    Raises:
        ValueError: As `with_past`.
    """
    before, now = flat(past), flat(config)
    # Of a training with a pixel stage alone, which may have become longer.
    before["pretrain_iterations"] = before.get("training.pretrain_iterations", before["pretrain_iterations"])
    for name in ("iterations", "trainer.max_steps"):
        if now[name] < done:
            raise ValueError(f"{name}={now[name]}: the run that is resumed has done {done} iterations. {INSTEAD}")
    fixed = [*SAME, *(name for name in given if name in BEGINNING or name.startswith("codec."))]
    if done > past["pretrain_iterations"]:
        fixed += SAME_ONCE_ADVERSARIAL
    if 0 < past["pretrain_iterations"] <= done:
        fixed += [name for name in now if name.startswith("training.pretrain_schedule.")]
    # A job of a sweep takes the shared stage where it can, which has the weights of its own.
    for name in fixed if config["resume"] != AUTO else set(fixed) - {"pixel_stage"}:
        if name in before and name in now and before[name] != now[name]:
            # Of the quality's several names the one that was given.
            option = given.intersection(QUALITY).pop() if name == "quality" and given & QUALITY else name
            option = option.removeprefix("chosen.")
            was = "null" if before[name] is None else before[name]
            raise ValueError(
                f"{option}={now[name]}: the run that is resumed has done {done} iterations with {option}={was}, which "
                f"cannot change any more. {INSTEAD}"
            )


def changes_of(config: Mapping[str, Any], past: Mapping[str, Any], done: int) -> list[str]:
    """What a training does otherwise from now on, in words, since its configuration says only how it goes on."""
    before, now = flat(past), flat(config)
    return [
        f"{name.removeprefix('training.')}: {before.get(name)} until iteration {done}, then {now.get(name)}"
        for name in dict.fromkeys((*before, *now))
        if before.get(name) != now.get(name) and makes_a_training(name, config, past)
    ]


def makes_a_training(name: str, *configs: Mapping[str, Any]) -> bool:
    """Whether a value of a configuration, by the names on the way to it, changes what is trained."""
    group, _, rest = name.partition(".")
    if group == "callbacks":
        nodes: list[Mapping[str, Any]] = [config["callbacks"].get(rest.partition(".")[0], {}) for config in configs]
        kinds = (locate(str(node.get("_target_"))) for node in nodes)
        return any(isinstance(kind, type) and issubclass(kind, Mitigation | EMA) for kind in kinds)
    if group == "training":
        return not name.startswith(LOGGED)
    return name in ("loader.batch_size", "loader.patch_size")
