from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from biasgan.networks.cbdnet import CBDNet


def convolve(x: Tensor, weights: Iterator[Tensor], times: int = 1) -> Tensor:
    for _ in range(times):
        x = functional.conv2d(x, next(weights), next(weights), padding=1).relu()
    return x


def up(x: Tensor, like: Tensor, weights: Iterator[Tensor]) -> Tensor:
    x = functional.conv_transpose2d(x, next(weights), next(weights), stride=2, padding=1)
    padded = torch.zeros_like(like)
    top, left = ((like.shape[dim] - x.shape[dim]) // 2 for dim in (2, 3))
    padded[..., top : top + x.shape[2], left : left + x.shape[3]] = x
    return padded + like


@pytest.mark.parametrize("size", [(16, 24), (13, 19), (4, 4), (5, 6), (7, 11)])
@torch.no_grad()
def test_layers_are_those_of_the_reference(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = CBDNet(channels=8)
    image = torch.rand(2, 3, *size)
    weights = iter(network.parameters())
    noise = convolve(image, weights, 5)
    full = convolve(torch.cat([image, noise], 1), weights)
    half = convolve(functional.avg_pool2d(full, 2), weights, 3)
    quarter = convolve(functional.avg_pool2d(half, 2), weights, 5)
    half = convolve(up(quarter, half, weights), weights, 3)
    full = convolve(up(half, full, weights), weights, 2)
    expected = image + functional.conv2d(full, next(weights), next(weights), padding=1)
    assert not list(weights)
    torch.testing.assert_close(network(image), expected)


def test_the_noise_map_matters() -> None:
    torch.manual_seed(0)
    network = CBDNet(channels=8)
    image = torch.rand(1, 3, 8, 8)
    before = network(image)
    with torch.no_grad():
        for parameter in list(network.estimator.parameters())[-2:]:
            parameter.fill_(1)
    assert not torch.allclose(network(image), before)
