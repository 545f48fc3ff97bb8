import inspect
import math
from collections.abc import Mapping
from pydoc import locate
from typing import Any, cast

from lightning.pytorch import Callback

from biasgan.data.datamodule import RestorationData
from biasgan.training.callbacks.ema import EMA
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.mitigations.mitigation import Mitigation

WATCHES = ("name", "metrics", "log_every")
"""What a training module is given that changes nothing in what is trained."""


def recipe(
    config: Mapping[str, Any], module: FidelityRestoration, data: RestorationData, callbacks: Mapping[str, Callback]
) -> dict[str, Any]:
    """All that makes a training what it is, as plain values: sizes, networks, losses, optimiser, rates, mitigations.

    Args:
        config: The resolved configuration in plain containers.
        module: What was trained, with its Trainer.
        data: What it was trained on.
        callbacks: What was built of `callbacks`, by name.
    """
    training = {name: value for name, value in described(config["training"]).items() if name not in WATCHES}
    # The schedules set it anew for each iteration.
    training["optimizer"] = {name: value for name, value in training["optimizer"].items() if name != "lr"}
    training["features"] = {**training["features"], "weights": module.features.weights_name}
    return {
        "batch_size": data.batch_size,
        "processes": module.trainer.world_size,
        "patch_size": data.patch_size,
        "precision": str(module.trainer.precision),
        "ema_decay": next((callback.decay for callback in callbacks.values() if isinstance(callback, EMA)), None),
        **training,
        "mitigations": {
            name: described(config["callbacks"][name])
            for name, callback in callbacks.items()
            if isinstance(callback, Mitigation)
        },
    }


def described(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    """A part of a configuration; of a call, its `name` and all its arguments, those that are left to defaults too."""
    if isinstance(node, list | tuple):
        return [described(value) for value in cast(list[Any], node)]
    if not isinstance(node, Mapping):
        return plain(node)
    table = cast(Mapping[str, Any], node)
    given = {name: value for name, value in table.items() if not name.startswith("_")}
    if "_target_" not in table:
        return {name: described(value) for name, value in given.items()}
    target: str = table["_target_"]
    arguments = arguments_of(target, table.get("_args_", []), given)
    return {"name": target, **{name: described(value) for name, value in arguments.items()}}


def arguments_of(target: str, places: list[Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a call by name, with the defaults of its signature as far as it has one."""
    try:
        signature = inspect.signature(cast(Any, locate(target)))
        bound = signature.bind_partial(*places, **names)
    except (TypeError, ValueError):
        return dict(names)
    bound.apply_defaults()
    more = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)
    return {name: value for name, value in bound.arguments.items() if name != more} | bound.arguments.get(
        more or "", {}
    )


def plain(value: object) -> object:
    """A value as JSON has it: functions and classes by their names, what else it has no form for in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    name = getattr(value, "__qualname__", None)
    return f"{getattr(value, '__module__', '')}.{name}" if name else str(value)
