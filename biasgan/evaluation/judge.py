"""The discriminator of a finished run, shown what its training showed it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from lightning.pytorch import Callback
from torch import Tensor, nn

from biasgan.evaluation.settings import Settings
from biasgan.io.checksums import sha256_of_file
from biasgan.losses.adversarial import AdversarialLoss
from biasgan.networks.vgg_features import Features, VGGFeatures
from biasgan.runs.build import build
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import (
    DISCRIMINATORS,
    check_targets,
    class_in,
    discriminator_file,
    load_discriminator,
    read_config,
    targets_in,
)
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.mitigated_discriminator import MitigatedDiscriminator
from biasgan.training.mitigations.mitigation import Mitigation, check_discriminator

PATCH = 128
"""Side of the patches, as in the paper."""


class Judge(NamedTuple):
    """A discriminator that was trained with what is evaluated."""

    network: nn.Module
    """Patches of originals, restored and compressed images → logits of each; in evaluation mode."""
    loss: type[AdversarialLoss]
    """That it was trained with, which says what its logits mean."""
    conditional: bool
    """Whether it is shown the compressed patch too."""
    patch_size: int
    """Side of the patches."""
    sha256: str
    """Of its file."""


def judge_of(settings: Settings, features: VGGFeatures) -> Judge | None:
    """The discriminator that was trained with what is evaluated; None if there is none, or it was never trained.

    Args:
        settings: Of the evaluation.
        features: Of the evaluation, for what the discriminator is shown of features.

    Raises:
        CheckpointError: If it is damaged, or its configuration names something else than a loss and mitigations.
        ValueError: If it takes none of what it is shown.
    """
    place, trained = settings.network, settings.trained
    run = settings.kind == "run" and RunFolder(settings.path).discriminator.is_file()
    loss = trained.get("training", {}).get("adversarial_loss")
    if not (run or place in DISCRIMINATORS) or not loss or trained["iterations"] <= trained["pretrain_iterations"]:
        return None
    file = discriminator_file(place)
    game = class_in(loss["_target_"], (AdversarialLoss,), "loss", file)
    network, mitigations = load_discriminator(place).requires_grad_(False), load_mitigations(place)
    extract = partial(extract_as_trained, features, trained, settings.training)
    return Judge(
        MitigatedDiscriminator(network, mitigations, extract),
        game,
        any(isinstance(mitigation, ConditionalDiscriminator) for mitigation in mitigations),
        patch_size_of(network, mitigations, extract, trained["patch_size"]),
        sha256_of_file(file),
    )


def load_mitigations(path: str | Path) -> list[Mitigation]:
    """Build the mitigations that a discriminator was trained with, as its configuration says, in their order.

    They say what it is shown; see `MitigatedDiscriminator`. Other callbacks of the training are not built.

    Args:
        path: What `discriminator_file` takes.

    Raises:
        CheckpointError: If the file is damaged, or something in its configuration is no callback or no mitigation that
            can be imported here.
        FileNotFoundError: If there is no such file.
    """
    file = discriminator_file(path)
    callbacks: object = read_config(file).get("callbacks", {})
    mitigations: list[Mitigation] = []
    for node in cast(Mapping[str, object], callbacks).values() if isinstance(callbacks, Mapping) else [callbacks]:
        target = next(targets_in(node), node)
        if issubclass(class_in(str(target), (Callback,), "callback", file), Mitigation):
            check_targets(node, (Mitigation, nn.Module), "mitigation", file)
            mitigations.append(build(Mitigation, cast(Mapping[str, object], node)))
    return mitigations


def extract_as_trained(
    features: VGGFeatures, trained: Mapping[str, Any], summary: Mapping[str, Any], image: Tensor
) -> Features:
    """Features of images for a discriminator that was shown something of them, (N, 3, H, W) → {layer: (N, C, h, w)}.

    Args:
        features: Of the evaluation.
        trained: Configuration of the training.
        summary: Of the training.
        image: In [0, 1].

    Raises:
        ValueError: If the training had others.
    """
    weights, layers = summary.get("features", features.weights_name), trained["features"]["layers"]
    if weights != features.weights_name or not set(layers) <= set(features.wanted.values()):
        raise ValueError(
            f"The discriminator of this run is shown something of features, which were {weights} {', '.join(layers)} "
            f"in its training and are {features.weights_name} {', '.join(features.wanted.values())} here. Leave out "
            "features.weights and features.layers, or give those of the training."
        )
    return features.to(image.device)(image)


def patch_size_of(
    discriminator: nn.Module,
    mitigations: Sequence[Mitigation],
    extract: Callable[[Tensor], Features],
    trained: int,
) -> int:
    """Side of the patches that a discriminator judges: the paper's if it takes these, else that of its training.

    Raises:
        ValueError: If it takes neither.
    """
    try:
        check_discriminator(discriminator, mitigations, extract, PATCH)
    except ValueError:
        check_discriminator(discriminator, mitigations, extract, trained)
        return trained
    return PATCH
