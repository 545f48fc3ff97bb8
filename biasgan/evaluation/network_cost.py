from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from biasgan.networks.any_size import SizeNeeds

SIDE = 64


class NetworkCost(NamedTuple):
    """What a network costs, whatever it runs on."""

    parameters: int
    multiply_adds_per_pixel: float
    """Of its convolutions and matrix products, for each pixel of the image."""

    @classmethod
    def of(cls, network: nn.Module) -> "NetworkCost":
        """Count those of a network that keeps the size of images, on the device where it is.

        Args:
            network: Image, (1, 3, H, W) → restored image.
        """
        multiple, smallest = SizeNeeds.of(network)
        side = -(-max(SIDE, smallest) // multiple) * multiple
        parameters = list(network.parameters())
        image = parameters[0].new_zeros(1, 3, side, side) if parameters else torch.zeros(1, 3, side, side)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(image)
        # PyTorch counts a multiplication and an addition as two.
        return cls(sum(p.numel() for p in parameters), counter.get_total_flops() / 2 / side**2)
