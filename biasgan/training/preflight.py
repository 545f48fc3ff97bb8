"""What a later stage, a validation or the end would fail at, asked before the first iteration."""

import shutil
from collections.abc import Collection, Mapping
from typing import cast

from lightning.pytorch import Callback, Trainer
from torchmetrics import MetricCollection

from biasgan.analysis.triangle import Triangle
from biasgan.networks.any_size import SizeNeeds
from biasgan.networks.vgg_features import features_in_words
from biasgan.runs.folder import RunFolder
from biasgan.system.console import say
from biasgan.training.callbacks.bias_monitor import CANDIDATES, BiasMonitor
from biasgan.training.callbacks.checkpoints import Checkpoints
from biasgan.training.callbacks.interrupt import Interrupt
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.settings import Settings


def check(
    trainer: Trainer,
    module: FidelityRestoration,
    callbacks: Mapping[str, Callback],
    settings: Settings,
    run: RunFolder,
) -> None:
    """Refuse all that would only fail later.

    Raises:
        ValueError: Says what does not go together, or is missing, and what to do.
    """
    check_patch_size(module, settings.patch_size)
    check_metrics(module.restored_metrics, settings.best_metric)
    check_callbacks(trainer, module, callbacks.values())
    try:
        module.configure_optimizers()
    except (TypeError, ValueError) as error:
        raise ValueError(f"training.optimizer cannot be made: {error}") from error
    if isinstance(module, RestorationGAN):
        module.trainer = trainer
        monitors = (callback for callback in callbacks.values() if isinstance(callback, BiasMonitor))
        for size in {settings.patch_size, *(monitor.patch_size for monitor in monitors)}:
            module.rehearse(size)
    check_places(callbacks.values(), run)


def check_patch_size(module: FidelityRestoration, patch_size: int) -> None:
    """Refuse patches that a network cannot take.

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


def check_metrics(metrics: MetricCollection, best: str) -> None:
    """Refuse metrics without which a training has no figures, or no best.

    Args:
        metrics: Of the validations.
        best: Name of the one that the best is best in.

    Raises:
        ValueError: Says why they cannot be measured.
    """
    unavailable = unavailable_of(metrics)
    if best in unavailable or not len(metrics):
        reasons = {best: unavailable[best]} if best in unavailable else unavailable
        lines = "".join(f"\n{name}: {reason}" for name, reason in reasons.items())
        raise ValueError(f"best.metric={best} cannot be measured. Choose one that can, or other metrics=.{lines}")


def unavailable_of(metrics: MetricCollection) -> Mapping[str, str]:
    """Metrics that were asked for and cannot be measured, with the reasons; a training is handed its metrics."""
    return cast(Mapping[str, str], getattr(metrics, "unavailable", {}))


def check_callbacks(trainer: Trainer, module: FidelityRestoration, callbacks: Collection[Callback]) -> None:
    """Refuse callbacks that do not suit the training, or would want a figure that its first validation has not.

    Raises:
        ValueError: Names the callback, and what it may watch.
    """
    known = [f"valid/{side}{name}" for name in module.restored_metrics for side in ("", "compressed_")]
    known += ["bias/deviation", *(f"bias/distance_{side}" for side in Triangle._fields)]
    if isinstance(module, RestorationGAN) and module.has_adversarial_stage and not module.pretrain_iterations:
        known += [f"bias/realism_{candidate}" for candidate in CANDIDATES]
    for callback in callbacks:
        if isinstance(callback, Mitigation | Checkpoints | BiasMonitor):
            # Again, since Lightning asks only after all pairs are made.
            callback.setup(trainer, module, "fit")
        monitor: object = getattr(callback, "monitor", None)
        strict: object = getattr(callback, "strict", True)
        ours = isinstance(monitor, str) and monitor.startswith(("valid/", "bias/"))
        if ours and strict and monitor not in known:
            raise ValueError(
                f"{type(callback).__name__} monitors {monitor}, which the first validation will not have; it has "
                f"{', '.join(known)}. Realism comes after the pixel stage alone: strict=false waits for it, where the "
                "callback has that option."
            )


def check_places(callbacks: Collection[Callback], run: RunFolder) -> None:
    """Refuse checkpoints that nobody would find: the results are made of the last one, and so is a resumed training.

    Raises:
        ValueError: Names the option.
    """
    checkpoints = [callback.last for callback in callbacks if isinstance(callback, Checkpoints)]
    interrupts = [callback.checkpoint for callback in callbacks if isinstance(callback, Interrupt)]
    if not checkpoints:
        raise ValueError("Without callbacks.checkpoints a training leaves nothing; leave it in.")
    for name, paths in (("checkpoints.folder", checkpoints), ("interrupt.checkpoint", interrupts)):
        if any(path.absolute() != run.last.absolute() for path in paths):
            raise ValueError(
                f"callbacks.{name} cannot be changed, since a run is known by its folder; choose that with "
                "hydra.run.dir=FOLDER."
            )


def tell_what_is_missing(module: FidelityRestoration, run: RunFolder) -> None:
    """Say which figures will mean little or not be there, and whether there may be too little space."""
    if (name := module.features.weights_name).endswith("random"):
        say(f"{features_in_words(name)}; see features.weights for ImageNet's.", style="yellow")
    for name, reason in unavailable_of(module.restored_metrics).items():
        say(f"{name} is left out of the validations: {reason}", style="yellow")
    # Last, previous and best, and one that is being written: each has the weights, two moments of each, as Adam keeps
    # them, and an average.
    needed = 4 * 4 * sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    free = shutil.disk_usage(run.path).free
    if free < needed:
        space = f"{free / 1e9:.2g} GB free, and checkpoints may take {needed / 1e9:.2g} GB"
        say(f"{run.path} has {space}. Where they cannot be written, the training ends.", style="yellow")
