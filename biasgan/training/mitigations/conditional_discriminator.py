import torch
from torch import Tensor

from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.step import Step


def conditional_input(image: Tensor, compressed: Tensor) -> Tensor:
    """What a conditional discriminator is shown in place of a candidate (eq. 4 of the paper).

    The order is compressed first, candidate second; the paper leaves it open.

    Args:
        image: The candidates, restored or original, (N, C, H, W).
        compressed: The compressed images that they belong to, (N, 3, H, W), cut in the same place.

    Returns:
        (N, 3 + C, H, W).

    Examples:
        >>> import torch
        >>> from biasgan import UNetDiscriminator, conditional_input
        >>> compressed, restored = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)
        >>> UNetDiscriminator(in_channels=6)(conditional_input(restored, compressed)).shape
        torch.Size([1, 1, 16, 16])
    """
    return torch.cat([compressed, image], dim=1)


class ConditionalDiscriminator(Mitigation):
    """Show the discriminator the compressed image beside every candidate: `conditional_input`, as a callback.

    Examples:
        >>> from biasgan import ConditionalDiscriminator
        >>> ConditionalDiscriminator().extra_channels  # so the discriminator has in_channels=6
        3
    """

    extra_channels = 3

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """Put the compressed image before the candidate: (N, 6, H, W)."""
        return conditional_input(image, step.compressed)
