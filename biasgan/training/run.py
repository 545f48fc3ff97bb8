"""A training from its start to all that it leaves in its run folder."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.loggers import Logger

from biasgan.data.datamodule import RestorationData
from biasgan.runs.build import build
from biasgan.runs.environment import environment
from biasgan.runs.folder import RunFolder
from biasgan.runs.resumption import resumed_checkpoint
from biasgan.runs.weights import load_weights, read_checkpoint, read_generator, write_weights
from biasgan.system.console import say
from biasgan.system.memory import keep_freed_memory
from biasgan.training.alone import is_first_process
from biasgan.training.callbacks.checkpoints import AtomicCheckpointIO
from biasgan.training.callbacks.run_record import RunRecord
from biasgan.training.distributed import check_launcher
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.loggers.wandb_log import WandbLog
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.past import with_past
from biasgan.training.preflight import check, tell_what_is_missing
from biasgan.training.settings import Settings
from biasgan.training.start import start
from biasgan.training.summary import summarise, table, tell_differences


@dataclass(frozen=True)
class Training:
    """All that takes part in a training: the callbacks by name, and `resumed` is the checkpoint to go on from."""

    settings: Settings
    run: RunFolder
    data: RestorationData
    module: FidelityRestoration
    callbacks: Mapping[str, Callback]
    trainer: Trainer
    resumed: Path | None


def train(settings: Settings, folder: Path) -> None:
    """Train, and write everything that a run leaves behind.

    Args:
        settings: What the training is told.
        folder: Run folder.

    Raises:
        CheckpointError: If weights or checkpoints to start or go on from do not serve.
        FileNotFoundError: If they, or the images, are not there.
        NonFiniteLossError: If a loss is no number any more; the last checkpoint stays.
        RuntimeError: If the training was stopped before its first iteration.
        ValueError: If an option would fail, or change what has happened in a run that goes on.
    """
    began = time.monotonic()
    # Now, since the code may be changed while it runs.
    made_with = environment()
    training = prepared(settings, RunFolder(folder))
    check_launcher(training.trainer)
    open_run(training, made_with)
    fit(training)
    if training.trainer.is_global_zero:
        close_run(training, made_with, time.monotonic() - began)


def checked(settings: Settings, folder: Path) -> int:
    """Refuse what a training would fail at, and make its pairs, before any of several processes is started.

    Args:
        settings: As those of `train`.
        folder: As that of `train`.

    Returns:
        How many processes there are to be.
    """
    training = prepared(settings, RunFolder(folder))
    training.data.prepare_data()
    return training.trainer.num_devices


def prepared(settings: Settings, run: RunFolder) -> Training:
    """Build all parts of a training, set its networks to what they start or go on from, and check it all."""
    keep_freed_memory()
    seed_everything(settings.seed, verbose=False)
    resumed = resumed_checkpoint(settings.resume, run, tell=is_first_process())
    if resumed:
        settings = Settings.of(with_past(settings.recorded, read_checkpoint(resumed)))
    parts = settings.parts
    data = build(RestorationData, parts.data)
    module = build(FidelityRestoration, parts.module)
    # What is repeated may have been resumed for longer; the settings have been checked.
    module.goes_on = True
    data.measured = {name: getattr(metric, "smallest_side", 1) for name, metric in module.restored_metrics.items()}
    callbacks = {name: build(Callback, node) for name, node in parts.callbacks.items()}
    mitigations = [callback for callback in callbacks.values() if isinstance(callback, Mitigation)]
    settings, resumed = start(settings, run, module, mitigations, resumed)
    record = RunRecord(run, settings.recorded)
    loggers = [build(Logger, node) for node in parts.loggers.values()]
    trainer = build(Trainer, parts.trainer, callbacks=[record, *callbacks.values()], logger=loggers)
    check(trainer, module, callbacks, settings, run)
    return Training(settings, run, data, module, callbacks, trainer, resumed)


def open_run(training: Training, made_with: Mapping[str, Any]) -> None:
    """Write the configuration and begin the logs, or go on with them."""
    settings = training.settings
    if training.trainer.is_global_zero:
        tell_differences(settings.repeats, made_with)
        training.run.write_config(settings.recorded)
        tell_what_is_missing(training.module, training.run)
    for logger in training.trainer.loggers:
        if isinstance(logger, WandbLog) and not settings.resume:
            logger.begin_anew()
        logger.log_hyperparams(dict(settings.recorded))
        if isinstance(logger, CSVLog):
            logger.start(read_checkpoint(training.resumed)["global_step"] if training.resumed else 0)


def fit(training: Training) -> None:
    """Train, to leave a last checkpoint of the iteration that the training ends at.

    Raises:
        RuntimeError: If there was no iteration.
        ValueError: If Lightning does not take an option.
    """
    module, trainer, resumed, last = training.module, training.trainer, training.resumed, training.run.last
    if training.settings.compile:
        # In place and part by part: a compiled module would rename the weights.
        for network in module.networks:
            network.compile()  # pyright: ignore[reportUnknownMemberType] - untyped in PyTorch
    try:
        trainer.fit(module, datamodule=training.data, ckpt_path=resumed, weights_only=True)
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


def close_run(training: Training, made_with: Mapping[str, Any], seconds: float) -> None:
    """Write the trained weights and the summary, and say what came out."""
    settings, run, module, trainer = training.settings, training.run, training.module, training.trainer
    load_weights(module.generator, read_generator(run.last), run.last)
    write_weights(module.generator, settings.recorded, run.generator)
    if isinstance(module, RestorationGAN):
        write_weights(module.discriminator, settings.recorded, run.discriminator)
    tell_differences(settings.repeats, {"data_fingerprint": training.data.fingerprint})
    summary = {**summarise(settings, module, training.data, training.callbacks, seconds), **made_with}
    run.write_summary(summary)
    lines = [f"{name} started from: {place}" for name, place in settings.started_from.items()]
    if trainer.global_step < trainer.max_steps:
        done = f"Ended at iteration {trainer.global_step} of {trainer.max_steps}, by trainer.max_time or a callback"
        lines.append(f"{done}; resume goes on (trainer.max_time counts all attempts together).")
    say(table(summary), *lines, f"{run.path}")
