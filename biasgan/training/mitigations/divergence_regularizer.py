from collections.abc import Callable, Mapping
from typing import Literal, cast

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from biasgan.losses.divergence import feature_divergence
from biasgan.networks.vgg_features import Features
from biasgan.training.fidelity import restoration
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.numbers import check_layers, check_number
from biasgan.training.realesrgan import LAYERS, usual_features
from biasgan.training.step import Step

Per = Literal["sample", "batch", "element"]


def divergence_loss(
    restored: Tensor,
    original: Tensor,
    compressed: Tensor,
    features: Callable[[Tensor], Features] | None = None,
    layers: Mapping[str, float] = LAYERS,
    per: Per = "sample",
) -> Tensor:
    """How much closer restored images are to the compressed ones than the originals are (eq. 6 to 8 of the paper).

    It is added to what a generator pays; 0.1 is its weight in the paper. Only `restored` gets a gradient, and none
    where it equals `compressed`.

    Args:
        restored: What a generator made of `compressed`, (N, 3, H, W) in [0, 1].
        original: The originals, of the same shape.
        compressed: The compressed images, of the same shape.
        features: What extracts features, a `VGGFeatures` for example. By default VGG-19 of ImageNet where its weights
            are cached, else of random ones, which is said; see `usual_features`.
        layers: Weight of each layer. The paper leaves the layer open; Real-ESRGAN's perceptual ones are meant.
        per: Whether the hinge opens for each sample (default), batch or element; the paper leaves this open too.

    Returns:
        A scalar ≥ 0: 0 where restored images are as far from the compressed ones as the originals are, or farther.

    Raises:
        ValueError: If `per` is none of the three, or the features lack a layer.

    Examples:
        >>> import torch
        >>> from biasgan import VGGFeatures, divergence_loss
        >>> compressed, original = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> features, layers = VGGFeatures(["conv1_2"], "random"), {"conv1_2": 1.0}
        >>> divergence_loss(original, original, compressed, features, layers)
        tensor(0.)
        >>> bool(divergence_loss(compressed, original, compressed, features, layers) > 0)
        True
    """
    usual = usual_features(tuple(layers)).to(restored.device) if features is None else features
    return step_divergence(Step(compressed, original, restored, usual), layers, per)


def step_divergence(step: Step, layers: Mapping[str, float], per: Per) -> Tensor:
    """`divergence_loss` of a step, whose features are shared.

    Raises:
        ValueError: As it.
    """
    # The compressed images first: the originals ride along.
    compressed = step.compressed_features
    if missing := [layer for layer in layers if layer not in compressed]:
        raise ValueError(f"The divergence is of {', '.join(missing)}; the features have {', '.join(compressed)}.")
    return feature_divergence(step.restored_features, step.original_features, compressed, layers, per)


class DivergenceRegularizer(Mitigation):
    """Push the restored image as far from the compressed one as the original is: `divergence_loss`, as a callback.

    Args:
        weight: Weight of the hinge in the generator's loss; 0.1 in the paper.
        layers: Weight of each VGG-19 layer; by default those of the perceptual loss.
        per: Whether the hinge opens for each sample (default), batch or element; the paper leaves this open too.

    Raises:
        ValueError: If the weight is negative or `per` none of the three.

    Examples:
        >>> from biasgan import DivergenceRegularizer
        >>> DivergenceRegularizer().weight  # of eq. 9
        0.1
    """

    def __init__(self, weight: float = 0.1, layers: Mapping[str, float] | None = None, per: Per = "sample") -> None:
        check_number("The weight of the divergence regulariser", weight)
        if per not in ("sample", "batch", "element"):
            raise ValueError(
                f"The hinge of the divergence regulariser opens per sample, batch or element; got {per!r}."
            )
        self.weight = weight
        self.layers = None if layers is None else dict(layers)
        self.per: Per = per

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that the layers will be there, and that a batch which is compared as a whole is in one part.

        Raises:
            ValueError: If the feature network does not give one of them, or the batch is cut.
        """
        super().setup(trainer, pl_module, stage)
        module = restoration(pl_module)
        if self.layers is None:
            # With a discriminator there is a perceptual loss.
            self.layers = dict(cast("Mapping[str, float]", module.layers))
        check_layers("callbacks.divergence_regularizer.layers", self.layers, module.features)
        if self.per == "batch" and module.accumulate > 1:
            raise ValueError(
                f"per=batch compares the features of a whole batch, of which accumulate={module.accumulate} sees a "
                "part at a time. Set accumulate=1, or callbacks.divergence_regularizer.per=sample."
            )

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """The weighted hinge under the name `divergence`."""
        return {
            "divergence": self.weight * step_divergence(step, LAYERS if self.layers is None else self.layers, self.per)
        }
