from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from biasgan.losses.divergence import divergence_loss
from biasgan.training.mitigation import Mitigation
from biasgan.training.step import Step


class DivergenceRegularizer(Mitigation):
    """Push the restored image as far from the compressed one as the original is (eq. 6 to 9 of the paper).

    Args:
        weight: Weight of the hinge in the generator's loss; 0.1 in the paper.
        layers: Weight of each VGG-19 layer. The paper leaves the layer open; the perceptual loss's own are meant.
        per: Whether the hinge opens for each sample (default), batch or element; the paper leaves this open too.
    """

    def __init__(
        self, weight: float, layers: Mapping[str, float], per: Literal["sample", "batch", "element"] = "sample"
    ) -> None:
        self.weight = weight
        self.layers = dict(layers)
        self.per: Literal["sample", "batch", "element"] = per

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """The weighted hinge under the name `divergence`."""
        compressed = step.compressed_features
        loss = divergence_loss(step.restored_features, step.original_features, compressed, self.layers, self.per)
        return {"divergence": self.weight * loss}
