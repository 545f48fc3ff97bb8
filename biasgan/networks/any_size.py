"""Run a network on images of any size."""

from typing import NamedTuple

from torch import Tensor, nn

from biasgan.io.images import pad_to_multiple


class SizeNeeds(NamedTuple):
    """What sides a network takes, in pixels."""

    multiple_of: int
    smallest_side: int

    @classmethod
    def of(cls, network: nn.Module) -> "SizeNeeds":
        """Those that a network states in its attributes; one that states none takes any."""
        return cls(*(int(getattr(network, name, 1)) for name in cls._fields))


def restore(network: nn.Module, image: Tensor) -> Tensor:
    """Restore images of any size: extend them to a size that the network takes, and crop the result back.

    Args:
        network: Keeps the size of what it is given, and states what sizes that may be as `multiple_of` and
            `smallest_side`.
        image: (N, 3, H, W) in [0, 1].

    Returns:
        The same shape, not clamped.
    """
    height, width = image.shape[-2:]
    return network(pad_to_multiple(image, *SizeNeeds.of(network)))[..., :height, :width]
