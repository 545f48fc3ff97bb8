"""A training from its start to all that it leaves in its run folder."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table
from torch import nn

from biasgan.analysis.triangle import Triangle
from biasgan.cli.past import with_past
from biasgan.cli.preflight import check_metrics, check_places, check_stages, tell_what_is_missing
from biasgan.cli.repeat import tell_differences
from biasgan.cli.resume import checkpoint_of, resumed_checkpoint
from biasgan.data.datamodule import RestorationData
from biasgan.data.pairs.entry import quality_of
from biasgan.io.files import atomic_write
from biasgan.networks.any_size import SizeNeeds
from biasgan.networks.discriminator_weights import fitted
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.runs.build import build
from biasgan.runs.environment import environment
from biasgan.runs.weights import (
    CheckpointError,
    find_discriminator,
    find_generator,
    load_weights,
    read_checkpoint,
    read_generator,
    write_weights,
)
from biasgan.system import peers
from biasgan.system.memory import keep_freed_memory
from biasgan.system.parent import as_parent
from biasgan.training.alone import is_first_process
from biasgan.training.callbacks.checkpoints import LAST, AtomicCheckpointIO
from biasgan.training.earlier_results import EarlierResults
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN
from biasgan.training.loggers.config_record import ConfigRecord
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.loggers.wandb_log import WandbLog
from biasgan.training.mitigations.mitigation import Mitigation, channels_shown
from biasgan.training.pixel_stage import after_pixel_stage
from biasgan.training.processes import Processes, join_through
from biasgan.training.recipe import recipe

COUNTS = ("iterations", "validate_every", "checkpoint_every", "batch_size", "patch_size", "accumulate")
RANDOM = "random weights"


def train(config: Mapping[str, Any], folder: Path) -> None:
    """Train, and write everything that a run leaves behind.

    Args:
        config: The resolved configuration in plain containers, with the names of the choices under `chosen`, the
            command's options under `options`, and its folder of further choices, if any, under `config_dir`.
        folder: Run folder.
    """
    started = time.monotonic()
    # Now, since the code may be changed while it runs.
    made_with = environment()
    check_numbers(config)
    check_data(config)
    keep_freed_memory()
    seed_everything(config["seed"], verbose=False)
    resumed = resumed_checkpoint(config["resume"], folder, tell=is_first_process())
    if resumed:
        config = with_past(config, read_checkpoint(resumed))

    data = build(RestorationData, config["loader"])
    module = build(FidelityRestoration, config["training"])
    data.measured = {name: getattr(metric, "smallest_side", 1) for name, metric in module.restored_metrics.items()}
    check_patch_size(module, config["patch_size"])
    own_callbacks = [build(Callback, node) for node in config["callbacks"].values()]
    mitigations = [callback for callback in own_callbacks if isinstance(callback, Mitigation)]
    config = {**config, "started_from": start(module, config, resumed, mitigations)}
    if config["pixel_stage"] and not resumed:
        config, resumed = take_pixel_stage(module, config, folder)
    loggers = [build(Logger, node) for node in config["logger"].values()]
    callbacks = [Processes(), EarlierResults(folder), ConfigRecord(config), *own_callbacks]
    trainer = build(Trainer, config["trainer"], callbacks=callbacks, logger=loggers)
    join_through(trainer)
    check_metrics(module.restored_metrics, config["best"]["metric"])
    check_stages(trainer, module, callbacks, config["patch_size"])
    check_places(callbacks, folder)

    if trainer.is_global_zero:
        tell_differences(config["repeats"], made_with)
        write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
        tell_what_is_missing(module, folder)
    for logger in loggers:
        if isinstance(logger, WandbLog) and not config["resume"]:
            logger.begin_anew()
        logger.log_hyperparams(dict(config))
        if isinstance(logger, CSVLog):
            logger.start(read_checkpoint(resumed)["global_step"] if resumed else 0)
    if config["compile"]:
        # In place and part by part: a compiled module would rename the weights.
        for part in module.networks:
            part.compile()  # pyright: ignore[reportUnknownMemberType] - untyped in PyTorch

    with as_parent():
        fit(trainer, module, data, resumed, folder / "checkpoints" / LAST)
    # Until here any could fail; from here on the others are not needed.
    trainer.strategy.barrier()
    peers.leave()

    if trainer.is_global_zero:
        last = folder / "checkpoints" / LAST
        load_weights(module.generator, read_generator(last), last)
        write_weights(module.generator, config, folder / "generator.safetensors")
        if isinstance(module, RestorationGAN):
            write_weights(module.discriminator, config, folder / "discriminator.safetensors")
        found = {"data_fingerprint": data.fingerprint}
        tell_differences(config["repeats"], found)
        summary: dict[str, Any] = {
            **summarise(config, module, data, time.monotonic() - started),
            "recipe": recipe(config, module, data, dict(zip(config["callbacks"], own_callbacks, strict=True))),
            **found,
            **made_with,
        }
        write_text(folder / "summary.json", json.dumps(summary, indent=2) + "\n")
        lines = [f"{name} started from: {place}" for name, place in summary["started_from"].items()]
        if trainer.global_step < trainer.max_steps:
            done = f"Ended at iteration {trainer.global_step} of {trainer.max_steps}, by trainer.max_time or a callback"
            lines.append(f"{done}; resume goes on (trainer.max_time counts all attempts together).")
        Console(highlight=False, markup=False).print(table(summary), *lines, f"{folder}", sep="\n", soft_wrap=True)


def check_numbers(config: Mapping[str, Any]) -> None:
    """Refuse numbers that would only fail later, or in words that name no option.

    Raises:
        ValueError: Names the option.
    """
    for name, least in {"seed": 0, "pretrain_iterations": 0, **dict.fromkeys(COUNTS, 1)}.items():
        value = config[name]
        if type(value) is not int or not least <= value < 2**32:
            raise ValueError(f"{name} must be a whole number from {least} to {2**32 - 1}; got {value!r}.")
    if config["batch_size"] % config["accumulate"]:
        raise ValueError(
            f"A batch of {config['batch_size']} cannot be cut into accumulate={config['accumulate']} equal parts; "
            "choose a batch_size that it divides."
        )
    steps, iterations = config["trainer"]["max_steps"], config["iterations"]
    if type(steps) is not int or not 1 <= steps <= iterations:
        raise ValueError(
            f"trainer.max_steps stops a training of iterations={iterations} early, so it must be from 1 to "
            f"{iterations}; got {steps!r}. For a longer training set iterations."
        )


def check_data(config: Mapping[str, Any]) -> None:
    """Refuse to fetch images within a training, where nobody watches and every process would.

    Raises:
        ValueError: Names the command that fetches them.
    """
    data: Mapping[str, Any] = config.get("data") or {}
    if data.get("download"):
        raise ValueError(
            "A training does not download. Run python -m biasgan.prepare with the same data= and data.root= first."
        )


def check_patch_size(module: FidelityRestoration, patch_size: int) -> None:
    """Refuse patches that a network cannot take before the stage that needs it comes.

    Raises:
        ValueError: Names the network and what it needs.
    """
    for network in module.networks:
        multiple, smallest = SizeNeeds.of(network)
        if patch_size % multiple or patch_size < smallest:
            need = f"a multiple of {multiple}" if patch_size % multiple else f"at least {smallest}"
            fitting = max(round(patch_size / multiple) * multiple, smallest)
            name = type(network).__name__
            raise ValueError(f"patch_size={patch_size}: {name} needs {need}; set patch_size={fitting}, for example.")


def fit(trainer: Trainer, module: FidelityRestoration, data: RestorationData, resumed: Path | None, last: Path) -> None:
    """Train, to leave a last checkpoint of the iteration that the training ends at.

    Args:
        trainer: What trains.
        module: What is trained.
        data: What it is trained with.
        resumed: The checkpoint to go on from, if any.
        last: The last checkpoint.

    Raises:
        RuntimeError: If there was no iteration.
        ValueError: If Lightning does not take an option.
    """
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resumed, weights_only=True)
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error
    if not trainer.global_step:
        raise RuntimeError(
            "The training was stopped before its first iteration, by trainer.max_time or a callback: it leaves nothing."
        )
    if resumed and resumed != last and trainer.is_global_zero:
        content = read_checkpoint(resumed)
        if trainer.global_step == content["global_step"]:
            AtomicCheckpointIO().save_checkpoint(content, last)


def start(
    module: FidelityRestoration, config: Mapping[str, Any], resumed: Path | None, mitigations: Sequence[Mitigation]
) -> dict[str, str]:
    """Set the networks to the weights that a training starts or goes on from.

    Returns:
        In words, what each network started from; the words of the run that is resumed.

    Raises:
        CheckpointError: If weights are damaged or of another architecture.
        FileNotFoundError: If there are none.
        ValueError: If there is no discriminator to give weights to.
    """
    init_discriminator_from = config["init_discriminator_from"]
    if init_discriminator_from and not isinstance(module, RestorationGAN):
        raise ValueError(
            f"init_discriminator_from={init_discriminator_from}, but a training with the pixel loss alone has no "
            "discriminator. Choose baseline=realesrgan or baseline=esrgan, with any generator=."
        )
    if resumed:
        content = read_checkpoint(resumed)
        load_weights(module, content["state_dict"], resumed)
        return content["config"].get("started_from", {})
    places = {"generator": start_generator(module, config)}
    if isinstance(module, RestorationGAN):
        places["discriminator"] = start_discriminator(
            module.discriminator, init_discriminator_from, channels_shown(mitigations)
        )
    return places


def start_generator(module: FidelityRestoration, config: Mapping[str, Any]) -> str:
    """Set the generator to the weights that it is to start from, and say what it starts from."""
    place = None
    if isinstance(module.generator, SpandrelModel):
        place = f"{config['path']} ({module.generator.architecture})"
    if config["init_from"]:
        weights, place = find_generator(config["init_from"])
        load_weights(module.generator, weights, place)
    if isinstance(module, RestorationGAN) and module.pretrain_iterations:
        stage = f"pixel stage of {module.pretrain_iterations} iterations"
        return f"{place}, then a {stage}" if place else f"its own {stage}"
    return place or RANDOM


def start_discriminator(discriminator: nn.Module, init_from: str | None, channels: int) -> str:
    """Set the discriminator to the weights that it is to start from, and say what it starts from."""
    if not init_from:
        return RANDOM
    weights, place = find_discriminator(init_from)
    try:
        weights = fitted(weights, discriminator, channels)
    except ValueError as error:
        raise CheckpointError(f"{place} does not fit. {error}") from error
    load_weights(discriminator, weights, place)
    return place


def take_pixel_stage(
    module: FidelityRestoration, config: Mapping[str, Any], folder: Path
) -> tuple[Mapping[str, Any], Path]:
    """Begin after the pixel stage of another run, as if it had been this one's own.

    Returns:
        The configuration, with what the generator started from; and the checkpoint to go on from, in the run folder.

    Raises:
        FileNotFoundError: If the other run has no checkpoint.
        ValueError: If that is not at the end of a pixel stage like this one's.
    """
    run = Path(config["pixel_stage"])
    content = read_checkpoint(checkpoint_of(run))
    words = config["started_from"]
    config = {**config, "started_from": {**words, "generator": f"{words['generator']}, in {run}"}}
    after = after_pixel_stage(module, content, run)
    checkpoint = folder / "checkpoints" / LAST
    if (run / "log.csv").is_file():
        # Once: the first process begins to log while others still start.
        rank_zero_only(write_text)(folder / "log.csv", (run / "log.csv").read_text())
    AtomicCheckpointIO().save_checkpoint({**after, "config": dict(config)}, checkpoint)
    load_weights(module, after["state_dict"], run)
    return config, checkpoint


def summarise(
    config: Mapping[str, Any], module: FidelityRestoration, data: RestorationData, seconds: float
) -> dict[str, Any]:
    """The figures of a run: what was trained, for how long, and what came out."""
    figures = module.figures
    batches = module.trainer.num_val_batches
    # Of each process the first, where trainer.limit_val_batches leaves the rest out.
    validated = data.valid_entries[: int(sum(batches)) * module.trainer.world_size if batches else None]

    def group(prefix: str, *names: str) -> dict[str, float]:
        return {name: figures[f"{prefix}{name}"] for name in names if f"{prefix}{name}" in figures}

    return {
        **config["chosen"],
        "quality": config["quality"] if config["codec"] else quality_of(data.train_entries),
        "seed": config["seed"],
        "iterations": module.iteration,
        "pretrain_iterations": config["pretrain_iterations"],
        "started_from": config["started_from"],
        "changes": config.get("changes", []),
        "seconds": round(seconds, 1),
        "precision": str(module.trainer.precision),
        "features": module.features.weights_name,
        "generator": type(module.generator).__name__,
        "generator_parameters": sum(p.numel() for p in module.generator.parameters()),
        "codec_identity": data.source.identity,
        "training_images": data.train_images,
        "originals_fingerprint": data.originals_fingerprint,
        "validation_images": len(validated),
        "compressed": {
            **group("valid/compressed_", "psnr", "ssim"),
            "bits_per_pixel": fmean(entry.bits_per_pixel for entry in validated or data.valid_entries),
        },
        "restored": group("valid/", "psnr", "ssim"),
        "realism": group("bias/realism_", "original", "restored", "compressed"),
        "feature_distance": group("bias/distance_", *Triangle._fields),
        **group("bias/", "deviation"),
    }


def table(summary: Mapping[str, Any]) -> Table:
    """The main figures of a summary, for the terminal."""
    chosen = " · ".join(str(summary[name]) for name in ("baseline", "method", "codec", "quality", "scale"))
    made = f"{summary['iterations']} iterations in {summary['seconds']:.0f} s"
    realism = summary["realism"]
    result = Table(title=chosen, caption=f"{made}, features: {summary['features']}")
    for column in ("validation images", "PSNR, dB", "SSIM", "realism"):
        result.add_column(column, justify="left" if column.startswith("v") else "right")
    for name in ("original", "restored", "compressed"):
        measured = summary.get(name, {})
        figures = [f"{measured[m]:.{d}f}" if m in measured else "" for m, d in (("psnr", 2), ("ssim", 4))]
        result.add_row(name, *figures, f"{realism[name]:.2f}" if name in realism else "")
    result.add_section()
    if "deviation" in summary:
        result.add_row("deviation (eq. 1)", "", "", f"{summary['deviation']:+.1f} %")
    result.add_row("bits per pixel", "", "", f"{summary['compressed']['bits_per_pixel']:.3f}")
    return result


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(text)
