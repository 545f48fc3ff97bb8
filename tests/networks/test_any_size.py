import pytest
import torch
from torch import Tensor, nn

from biasgan.networks.any_size import SizeNeeds, restore


class Recorder(nn.Module):
    """Gives what it gets, and remembers its size."""

    def forward(self, image: Tensor) -> Tensor:
        self.size = tuple(image.shape[-2:])
        return image


class Choosy(Recorder):
    multiple_of = 4
    smallest_side = 12


@pytest.mark.parametrize(
    ("size", "padded"), [((12, 16), (12, 16)), ((13, 30), (16, 32)), ((1, 3), (12, 12)), ((5, 20), (12, 20))]
)
def test_pads_as_the_network_needs_and_crops_back(size: tuple[int, int], padded: tuple[int, int]) -> None:
    network, image = Choosy(), torch.rand(2, 3, *size)
    assert torch.equal(restore(network, image), image)
    assert network.size == padded


def test_a_network_that_states_nothing_takes_any_size() -> None:
    network, image = Recorder(), torch.rand(1, 3, 1, 7)
    assert SizeNeeds.of(network) == (1, 1)
    assert torch.equal(restore(network, image), image)
    assert network.size == (1, 7)
