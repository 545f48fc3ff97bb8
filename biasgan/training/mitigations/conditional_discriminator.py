import torch
from torch import Tensor

from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.step import Step


class ConditionalDiscriminator(Mitigation):
    """Show the discriminator the compressed image beside every candidate (eq. 4 of the paper).

    The order is compressed first, candidate second; the paper leaves it open.
    """

    extra_channels = 3

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """Concatenate the compressed image and the candidate: (N, 6, H, W)."""
        return torch.cat([step.compressed, image], dim=1)
