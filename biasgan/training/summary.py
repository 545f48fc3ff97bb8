"""What a finished run says of itself: all that makes its training what it is, and what came out."""

import inspect
import math
from collections.abc import Mapping
from pydoc import locate
from statistics import fmean
from typing import Any, cast

from lightning.pytorch import Callback
from rich.table import Table

from biasgan.analysis.triangle import Triangle
from biasgan.data.datamodule import RestorationData
from biasgan.data.pairs.entry import quality_of
from biasgan.runs.folder import RunFolder, flat
from biasgan.system.console import say
from biasgan.training.callbacks.ema import EMA
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.settings import Settings

WATCHES = ("name", "metrics", "log_every")
"""What a training module is given that changes nothing in what is trained."""


def summarise(
    settings: Settings,
    module: FidelityRestoration,
    data: RestorationData,
    callbacks: Mapping[str, Callback],
    seconds: float,
) -> dict[str, Any]:
    """What was trained, for how long, and what came out."""
    batches = module.trainer.num_val_batches
    # Of each process the first, where trainer.limit_val_batches leaves the rest out.
    validated = data.valid_entries[: int(sum(batches)) * module.trainer.world_size if batches else None]
    return {
        **settings.chosen,
        "quality": quality_of(data.train_entries) if settings.quality is None else settings.quality,
        "seed": settings.seed,
        "iterations": module.iteration,
        "pretrain_iterations": settings.pretrain_iterations,
        "started_from": settings.started_from,
        "changes": settings.recorded.get("changes", []),
        "seconds": round(seconds, 1),
        "precision": str(module.trainer.precision),
        "features": module.features.weights_name,
        "generator": type(module.generator).__name__,
        "generator_parameters": sum(p.numel() for p in module.generator.parameters()),
        "codec_identity": data.source.identity,
        "training_images": data.train_images,
        "originals_fingerprint": data.originals_fingerprint,
        "validation_images": len(validated),
        **measured(module, fmean(entry.bits_per_pixel for entry in validated or data.valid_entries)),
        "recipe": recipe(settings, module, data, callbacks),
        "data_fingerprint": data.fingerprint,
    }


def measured(module: FidelityRestoration, bits_per_pixel: float) -> dict[str, Any]:
    """The figures of the last iteration, as far as they were measured then."""
    figures = module.figures

    def group(prefix: str, *names: str) -> dict[str, float]:
        return {name: figures[f"{prefix}{name}"] for name in names if f"{prefix}{name}" in figures}

    return {
        "compressed": {**group("valid/compressed_", "psnr", "ssim"), "bits_per_pixel": bits_per_pixel},
        "restored": group("valid/", "psnr", "ssim"),
        "realism": group("bias/realism_", "original", "restored", "compressed"),
        "feature_distance": group("bias/distance_", *Triangle._fields),
        **group("bias/", "deviation"),
    }


def recipe(
    settings: Settings, module: FidelityRestoration, data: RestorationData, callbacks: Mapping[str, Callback]
) -> dict[str, Any]:
    """All that makes a training what it is, as plain values: sizes, networks, losses, optimiser, rates, mitigations."""
    training = {name: value for name, value in described(settings.parts.module).items() if name not in WATCHES}
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
            name: described(settings.parts.callbacks[name])
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
    more = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), "")
    return {name: value for name, value in bound.arguments.items() if name != more} | bound.arguments.get(more, {})


def plain(value: object) -> object:
    """A value as JSON has it: functions and classes by their names, what else it has no form for in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    name = getattr(value, "__qualname__", None)
    return f"{getattr(value, '__module__', '')}.{name}" if name else str(value)


def tell_differences(repeated: str | None, now: Mapping[str, Any]) -> None:
    """Print a line for each thing that is not as it was in the run that is repeated, as far as its summary tells."""
    before = flat(RunFolder(repeated).read_summary()) if repeated else {}
    for name, value in flat(now).items():
        if name in before and before[name] != value:
            line = f"Not as in {repeated}: {name} was {before[name]}, now it is {value}."
            say(line, style="yellow")


def table(summary: Mapping[str, Any]) -> Table:
    """The main figures of a summary, for the terminal."""
    chosen = " · ".join(str(summary[name]) for name in ("baseline", "method", "codec", "quality", "scale"))
    made = f"{summary['iterations']} iterations in {summary['seconds']:.0f} s"
    realism = summary["realism"]
    result = Table(title=chosen, caption=f"{made}, features: {summary['features']}")
    for column in ("validation images", "PSNR, dB", "SSIM", "realism"):
        result.add_column(column, justify="left" if column.startswith("v") else "right")
    for name in ("original", "restored", "compressed"):
        found = summary.get(name, {})
        figures = [f"{found[m]:.{d}f}" if m in found else "" for m, d in (("psnr", 2), ("ssim", 4))]
        result.add_row(name, *figures, f"{realism[name]:.2f}" if name in realism else "")
    result.add_section()
    if "deviation" in summary:
        result.add_row("deviation (eq. 1)", "", "", f"{summary['deviation']:+.1f} %")
    result.add_row("bits per pixel", "", "", f"{summary['compressed']['bits_per_pixel']:.3f}")
    return result
