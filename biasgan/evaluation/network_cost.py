import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from biasgan.evaluation.result import NetworkCost
from biasgan.networks.any_size import SizeNeeds

SIDE = 64


def network_cost(network: nn.Module) -> NetworkCost:
    """Count what a network costs that keeps the size of images, on the device where it is.

    Args:
        network: Image, (1, 3, H, W) → restored image.
    """
    multiple, smallest = SizeNeeds.of(network)
    side = -(-max(SIDE, smallest) // multiple) * multiple
    parameters = list(network.parameters())
    image = parameters[0].new_zeros(1, 3, side, side) if parameters else torch.zeros(1, 3, side, side)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    name = getattr(network, "architecture", type(network).__name__)
    # PyTorch counts a multiplication and an addition as two.
    return NetworkCost(name, sum(p.numel() for p in parameters), counter.get_total_flops() / 2 / side**2)
