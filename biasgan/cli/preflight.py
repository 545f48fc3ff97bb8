"""What a later stage, a validation or the end would fail at, asked before the first iteration."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Callback, Trainer
from rich.console import Console
from torchmetrics import MetricCollection

from biasgan.analysis.triangle import Triangle
from biasgan.metrics.suite import Suite
from biasgan.runs.folder import RunFolder
from biasgan.training.callbacks.bias_monitor import CANDIDATES, BiasMonitor
from biasgan.training.callbacks.checkpoints import Checkpoints
from biasgan.training.callbacks.interrupt import Interrupt
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN
from biasgan.training.mitigations.mitigation import Mitigation


def check_metrics(metrics: MetricCollection, best: str) -> None:
    """Refuse metrics without which a training has no figures, or no best.

    Args:
        metrics: Of the validations.
        best: Name of the one that the best is best in.

    Raises:
        ValueError: Says why they cannot be measured.
    """
    unavailable = metrics.unavailable if isinstance(metrics, Suite) else {}
    if best in unavailable or not len(metrics):
        reasons = {best: unavailable[best]} if best in unavailable else unavailable
        lines = "".join(f"\n{name}: {reason}" for name, reason in reasons.items())
        raise ValueError(f"best.metric={best} cannot be measured. Choose one that can, or other metrics=.{lines}")


def check_stages(trainer: Trainer, module: FidelityRestoration, callbacks: Sequence[Callback], patch_size: int) -> None:
    """Refuse what a later stage, a validation or the end would fail at.

    Raises:
        ValueError: Says what does not go together, or is missing.
    """
    sizes = {patch_size}
    for callback in callbacks:
        if isinstance(callback, Mitigation | Checkpoints | BiasMonitor):
            # Again, since Lightning asks only after all pairs are made.
            callback.setup(trainer, module, "fit")
        if isinstance(callback, BiasMonitor):
            sizes.add(callback.patch_size)
        check_monitor(callback, module)
    try:
        module.configure_optimizers()
    except (TypeError, ValueError) as error:
        raise ValueError(f"training.optimizer cannot be made: {error}") from error
    if isinstance(module, RestorationGAN):
        module.trainer = trainer
        for size in sizes:
            module.rehearse(size)


def check_monitor(callback: Callback, module: FidelityRestoration) -> None:
    """Refuse a callback that would end the training at the first validation, for want of a figure.

    Raises:
        ValueError: Names the figures that there are.
    """
    monitor: object = getattr(callback, "monitor", None)
    strict: object = getattr(callback, "strict", True)
    if not isinstance(monitor, str) or not monitor.startswith(("valid/", "bias/")) or not strict:
        return
    known = [f"valid/{side}{name}" for name in module.restored_metrics for side in ("", "compressed_")]
    known += ["bias/deviation", *(f"bias/distance_{side}" for side in Triangle._fields)]
    if isinstance(module, RestorationGAN) and module.has_adversarial_stage and not module.pretrain_iterations:
        known += [f"bias/realism_{candidate}" for candidate in CANDIDATES]
    if monitor not in known:
        raise ValueError(
            f"{type(callback).__name__} monitors {monitor}, which the first validation will not have; it has "
            f"{', '.join(known)}. Realism comes after the pixel stage alone: strict=false waits for it, where the "
            "callback has that option."
        )


def check_places(callbacks: Sequence[Callback], folder: Path) -> None:
    """Refuse checkpoints that nobody would find: the results are made of the last one, and so is a resumed training.

    Raises:
        ValueError: Names the option.
    """
    last = RunFolder(folder).last
    places = {"checkpoints.folder": [callback.last for callback in callbacks if isinstance(callback, Checkpoints)]}
    places["interrupt.checkpoint"] = [callback.checkpoint for callback in callbacks if isinstance(callback, Interrupt)]
    if not places["checkpoints.folder"]:
        raise ValueError("Without callbacks.checkpoints a training leaves nothing; leave it in.")
    for name, paths in places.items():
        if any(path.absolute() != last.absolute() for path in paths):
            raise ValueError(
                f"callbacks.{name} cannot be changed, since a run is known by its folder; choose that with "
                "hydra.run.dir=FOLDER."
            )


def tell_what_is_missing(module: FidelityRestoration, folder: Path) -> None:
    """Say which figures will mean little or not be there, and whether there may be too little space.

    Args:
        module: The training.
        folder: Run folder.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True, style="yellow")
    if module.features.weights_name == "random":
        console.print("VGG-19 with random weights; see features.weights for ImageNet's.")
    if isinstance(module.restored_metrics, Suite):
        for name, reason in module.restored_metrics.unavailable.items():
            console.print(f"{name} is left out of the validations: {reason}")
    free, needed = shutil.disk_usage(folder).free, space_of(module)
    if free < needed:
        console.print(
            f"{folder} has {free / 1e9:.2g} GB free, and checkpoints may take {needed / 1e9:.2g} GB. Where they cannot "
            "be written, the training ends."
        )


def space_of(module: FidelityRestoration) -> int:
    """Bytes that the checkpoints of a training take at most: last, previous and best, and one that is being written.

    Each has the weights, two moments of each, as Adam keeps them, and an average.
    """
    return 4 * 4 * sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
