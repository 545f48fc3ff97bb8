from collections.abc import Mapping
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from biasgan.losses.divergence import divergence_loss
from biasgan.training.fidelity import restoration
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.numbers import check_layers, check_number
from biasgan.training.step import Step


class DivergenceRegularizer(Mitigation):
    """Push the restored image as far from the compressed one as the original is (eq. 6 to 9 of the paper).

    Args:
        weight: Weight of the hinge in the generator's loss; 0.1 in the paper.
        layers: Weight of each VGG-19 layer. The paper leaves the layer open; the perceptual loss's own are meant.
        per: Whether the hinge opens for each sample (default), batch or element; the paper leaves this open too.

    Raises:
        ValueError: If the weight is negative or `per` none of the three.
    """

    def __init__(
        self, weight: float, layers: Mapping[str, float], per: Literal["sample", "batch", "element"] = "sample"
    ) -> None:
        check_number("The weight of the divergence regulariser", weight)
        if per not in ("sample", "batch", "element"):
            raise ValueError(
                f"The hinge of the divergence regulariser opens per sample, batch or element; got {per!r}."
            )
        self.weight = weight
        self.layers = dict(layers)
        self.per: Literal["sample", "batch", "element"] = per

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that the layers will be there, and that a batch which is compared as a whole is in one part.

        Raises:
            ValueError: If the feature network does not give one of them, or the batch is cut.
        """
        super().setup(trainer, pl_module, stage)
        module = restoration(pl_module)
        check_layers("callbacks.divergence_regularizer.layers", self.layers, module.features)
        if self.per == "batch" and module.accumulate > 1:
            raise ValueError(
                f"per=batch compares the features of a whole batch, of which accumulate={module.accumulate} sees a "
                "part at a time. Set accumulate=1, or callbacks.divergence_regularizer.per=sample."
            )

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """The weighted hinge under the name `divergence`."""
        compressed = step.compressed_features
        loss = divergence_loss(step.restored_features, step.original_features, compressed, self.layers, self.per)
        return {"divergence": self.weight * loss}
