import torch
from torch import Tensor, nn

from biasgan.networks.dcad import DCAD
from biasgan.networks.dncnn import DnCNN

FEWEST_CONVOLUTIONS = 8
FEWEST_CONVOLUTIONS_WITH_BATCH_NORM = 4
"""Of all, first and last included, so that spandrel takes a stack for DnCNN."""


def spandrel_form(network: nn.Module) -> dict[str, Tensor]:
    """The state dict of a network in the names and signs that spandrel knows; its own where those are the same.

    spandrel's DnCNN subtracts what it predicts, and all its convolutions have a bias; ours and DCAD, which is such a
    stack too, add it. Both give the same bits without batch norm. RRDBNet and SRVGGNetCompact are as published. Too
    short a stack is not recognised as DnCNN and keeps its own names, as does every network that spandrel does not know.

    Returns:
        Tensors by name, new ones where they differ from the network's own.
    """
    own = network.state_dict()
    if not isinstance(network, DCAD | DnCNN):
        return own
    batch_norm = any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    convolutions = [name for name, tensor in own.items() if tensor.ndim == 4]
    if len(convolutions) < (FEWEST_CONVOLUTIONS_WITH_BATCH_NORM if batch_norm else FEWEST_CONVOLUTIONS):
        return own
    for name in convolutions:
        own.setdefault(bias_of(name), torch.zeros(len(own[name])))
    last = convolutions[-1]
    form = own | {name: -own[name] for name in (last, bias_of(last))}
    return {name.replace("layers.", "model."): tensor for name, tensor in form.items()}


def bias_of(weight: str) -> str:
    """The name of the bias beside a weight."""
    return weight.removesuffix("weight") + "bias"
