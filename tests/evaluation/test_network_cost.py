import pytest
import torch
from torch import Tensor, nn

from biasgan.evaluation.network_cost import network_cost
from biasgan.evaluation.result import NetworkCost
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.unet import UNet


def test_a_convolution_costs_its_weights_at_each_pixel() -> None:
    network = SRVGGNetCompact(channels=8, convolutions=2)
    weights = [p.numel() for p in network.parameters() if p.ndim == 4]
    cost = network_cost(network)
    assert sum(weights) == 27 * 8 + 2 * 72 * 8 + 72 * 3
    assert cost.multiply_adds_per_pixel == sum(weights)
    assert cost.parameters == sum(p.numel() for p in network.parameters())


class Halving(nn.Module):
    """Takes no other sides than multiples of 6."""

    multiple_of, smallest_side = 6, 6

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 5, 2, stride=2, bias=False)
        self.up = nn.Upsample(scale_factor=2)
        self.out = nn.Conv2d(5, 3, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        assert image.shape[-1] % 6 == 0
        return self.out(self.up(self.down(image)))


def test_at_half_the_resolution_a_weight_costs_a_quarter() -> None:
    assert network_cost(Halving()) == NetworkCost("Halving", 75, 60 / 4 + 15)


@pytest.mark.parametrize("network", [nn.Identity(), UNet(channels=4)])
def test_any_network_is_counted(network: nn.Module) -> None:
    cost = network_cost(network)
    assert cost.parameters is not None
    assert cost.multiply_adds_per_pixel is not None
    assert (cost.parameters > 0) == (cost.multiply_adds_per_pixel > 0) == (not isinstance(network, nn.Identity))
    assert not any(isinstance(p.grad, torch.Tensor) for p in network.parameters())
