import copy

import torch
from torch import Tensor, nn

from biasgan.inference.early_exit import to_the_last_exit
from biasgan.networks.any_size import SizeNeeds, restore

PROBED = (1, 3, 32, 32)
"""Shape of the image that shows in which order the convolutions run."""


class BF16(nn.Module):
    """A network that computes in bf16, all but its last convolution.

    That one makes the image, or what is added to it, and near white bf16 is coarser than the 8 bits of an image.

    Args:
        network: In evaluation mode, on its device; it is copied.

    Shape:
        As the network; fp32 in and out.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.multiple_of, self.smallest_side = SizeNeeds.of(network)
        self._device_type = next(network.parameters()).device.type
        convolutions = convolutions_of(to_the_last_exit(self.network))
        for layer in convolutions[:-1]:
            # Autocast would convert the weights again for every tile.
            layer.bfloat16()
        for layer in convolutions[-1:]:
            self._keep_float32(layer)

    def forward(self, image: Tensor) -> Tensor:
        """Return what the network makes."""
        with torch.autocast(self._device_type, torch.bfloat16):
            return self.network(image).float()

    def _keep_float32(self, layer: nn.Module) -> None:
        compute = layer.forward

        def forward(features: Tensor) -> Tensor:
            with torch.autocast(self._device_type, enabled=False):
                return compute(features.float())

        layer.forward = forward


def convolutions_of(network: nn.Module) -> list[nn.Module]:
    """The convolutions that a network runs, in the order of their last run."""
    order: dict[nn.Module, None] = {}

    def note(layer: nn.Module, *_: object) -> None:
        order.pop(layer, None)
        order[layer] = None

    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    handles = [layer.register_forward_hook(note) for layer in layers]
    with torch.inference_mode():
        restore(network, torch.zeros(PROBED, device=next(network.parameters()).device))
    for handle in handles:
        handle.remove()
    return list(order)
