import copy

import pytest
import torch
from torch import nn

from biasgan.inference.precision import BF16, convolutions_of
from biasgan.networks.any_size import restore

from ..networks.test_networks import GENERATORS, LAST


@pytest.mark.parametrize("name", GENERATORS)
@torch.inference_mode()
def test_bf16_is_near_fp32_and_leaves_the_network_alone(name: str) -> None:
    torch.manual_seed(0)
    network = GENERATORS[name][0]().eval()
    before = copy.deepcopy(network.state_dict())
    image = torch.rand(1, 3, 45, 50)
    expected = restore(network, image)
    result = restore(BF16(network), image)
    assert result.dtype == torch.float32
    assert not torch.equal(result, expected)
    torch.testing.assert_close(result, expected, atol=0.02, rtol=0.02)
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())
    assert torch.equal(restore(network, image), expected)


@pytest.mark.parametrize("name", LAST)
@torch.inference_mode()
def test_the_image_itself_is_not_rounded(name: str) -> None:
    """What a zero last layer adds is nothing, and bf16 would change most pixels."""
    network = GENERATORS[name][0]().eval()
    for parameter in network.get_submodule(LAST[name]).parameters():
        parameter.zero_()
    image = torch.rand(1, 3, 32, 32)
    assert not torch.equal(image.bfloat16().float(), image)
    assert torch.equal(BF16(network)(image), image)


@torch.inference_mode()
def test_the_last_convolution_is_in_fp32() -> None:
    """Bit for bit what fp32 makes of features in bf16."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
    image = torch.rand(1, 3, 16, 16)
    first = copy.deepcopy(network[0]).bfloat16()
    expected = network[2](network[1](first(image.bfloat16())).float())
    torch.testing.assert_close(BF16(network)(image), expected, atol=1e-6, rtol=0)


def test_order_of_convolutions_is_that_in_which_they_run_last() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b, self.a, self.never = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.a(self.b(self.a(image)))

    network = Twice()
    assert convolutions_of(network) == [network.b, network.a]
    assert all(not module._forward_hooks for module in network.modules())
