"""The weights that a training starts or goes on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from biasgan.networks.discriminator_weights import fitted
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.runs.folder import RunFolder, write_text
from biasgan.runs.resumption import checkpoint_of
from biasgan.runs.weights import (
    CheckpointError,
    find_discriminator,
    find_generator,
    load_weights,
    read_checkpoint,
)
from biasgan.training.alone import is_first_process
from biasgan.training.callbacks.checkpoints import AtomicCheckpointIO
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN
from biasgan.training.mitigations.mitigation import Mitigation, channels_shown
from biasgan.training.settings import Settings

RANDOM = "random weights"


def start(
    settings: Settings,
    run: RunFolder,
    module: FidelityRestoration,
    mitigations: Sequence[Mitigation],
    resumed: Path | None,
) -> tuple[Settings, Path | None]:
    """Set the networks to the weights that a training starts or goes on from.

    Returns:
        The settings, with what each network started from; and the checkpoint to go on from, if any.

    Raises:
        CheckpointError: If weights are damaged or of another architecture.
        FileNotFoundError: If there are none.
        ValueError: If there is no discriminator to give weights to, or no pixel stage that another run's could replace.
    """
    init_discriminator_from = settings.start.discriminator
    if init_discriminator_from and not isinstance(module, RestorationGAN):
        raise ValueError(
            f"init_discriminator_from={init_discriminator_from}, but a training with the pixel loss alone has no "
            "discriminator. Choose baseline=realesrgan or baseline=esrgan, with any generator=."
        )
    if resumed:
        content = read_checkpoint(resumed)
        load_weights(module, content["state_dict"], resumed)
        return settings.begun(content["config"].get("started_from", {})), resumed
    places = {"generator": start_generator(settings, module)}
    if isinstance(module, RestorationGAN):
        channels = channels_shown(mitigations)
        places["discriminator"] = start_discriminator(module.discriminator, init_discriminator_from, channels)
    settings = settings.begun(places)
    return take_pixel_stage(settings, run, module) if settings.start.pixel_stage else (settings, None)


def start_generator(settings: Settings, module: FidelityRestoration) -> str:
    """Set the generator to the weights that it is to start from, and say what it starts from."""
    place = None
    if settings.start.published and isinstance(module.generator, SpandrelModel):
        place = f"{settings.start.published} ({module.generator.architecture})"
    if settings.start.generator:
        weights, place = find_generator(settings.start.generator)
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


def take_pixel_stage(settings: Settings, run: RunFolder, module: FidelityRestoration) -> tuple[Settings, Path]:
    """Begin after the pixel stage of another run, as if it had been this one's own; as `start` otherwise.

    Returns:
        The settings, with what the generator started from; and the checkpoint to go on from, in the run folder.

    Raises:
        FileNotFoundError: If the other run has no checkpoint.
        ValueError: If that is not at the end of a pixel stage like this one's.
    """
    other = RunFolder(settings.start.pixel_stage or "")
    content = after_pixel_stage(module, read_checkpoint(checkpoint_of(other.path)), other.path)
    words = settings.started_from
    settings = settings.begun({**words, "generator": f"{words['generator']}, in {other.path}"})
    # Once: the first process begins to log while others still start.
    if other.log.is_file() and is_first_process():
        write_text(run.log, other.log.read_text())
    AtomicCheckpointIO().save_checkpoint({**content, "config": dict(settings.recorded)}, run.last)
    load_weights(module, content["state_dict"], other.path)
    return settings, run.last


def after_pixel_stage(module: FidelityRestoration, content: dict[str, Any], run: Path) -> dict[str, Any]:
    """A checkpoint at the end of another run's pixel stage, as it would be if that had been this training's own.

    All that a pixel stage leaves to the next one is taken over: iterations done, generator and average. The
    discriminator and the optimisers, whose state the next stage does not take up, are this training's.

    Args:
        module: The training, whose discriminator has the weights that it is to start from.
        content: Of the other run's checkpoint.
        run: Where that is from, for errors.

    Raises:
        ValueError: If the checkpoint is not at the end of a pixel stage of the same length, or the training has none.
    """
    if not isinstance(module, RestorationGAN) or not module.pretrain_iterations:
        raise ValueError(f"pixel_stage={run}: this training has no pixel stage of its own that this could stand for.")
    if content["global_step"] != module.pretrain_iterations:
        raise ValueError(
            f"pixel_stage={run}: its checkpoint is at iteration {content['global_step']}; expected the end of a pixel "
            f"stage, at pretrain_iterations={module.pretrain_iterations}."
        )
    generator = {name: tensor for name, tensor in content["state_dict"].items() if name.startswith("generator.")}
    return {
        **content,
        "state_dict": {**module.state_dict(), **generator},
        "optimizer_states": [optimizer.state_dict() for optimizer in module.configure_optimizers()],
    }
