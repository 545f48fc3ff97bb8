import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

from biasgan.training.mitigation import Mitigation
from biasgan.training.step import Step


class ConditionalDiscriminator(Mitigation):
    """Show the discriminator the compressed image beside every candidate (eq. 4 of the paper).

    The order is compressed first, candidate second; the paper leaves it open.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that the discriminator has room for the condition.

        Raises:
            ValueError: If its first convolution does not take six channels.
        """
        super().setup(trainer, pl_module, stage)
        discriminator = pl_module.get_submodule("discriminator")
        first = next(layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d))
        if first.in_channels != 6:
            raise ValueError(
                "A conditional discriminator sees the compressed image and the candidate, 6 channels; "
                f"{type(discriminator).__name__} takes {first.in_channels}. Set discriminator.in_channels=6, "
                "or choose method=conditional or method=full, which do."
            )

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """Concatenate the compressed image and the candidate: (N, 6, H, W)."""
        return torch.cat([step.compressed, image], dim=1)
