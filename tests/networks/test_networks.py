"""What every network promises, whatever it computes."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from biasgan.networks.arcnn import ARCNN
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator

COUNTS = [
    (ARCNN, 117_731, 8),
    (RRDBNet, 16_723_907, 702),
    (lambda: RRDBNet(channels=32, blocks=16, growth=32), 6_694_915, 492),
    (SRVGGNetCompact, 1_187_331, 101),
    (lambda: SRVGGNetCompact(convolutions=16), 595_459, 53),
    (VGGDiscriminator, 14_499_401, 33),
    (lambda: VGGDiscriminator(in_channels=6), 14_501_129, 33),
    (lambda: VGGDiscriminator(channels=16), 1_061_417, 33),
    (lambda: VGGDiscriminator(in_channels=6, channels=16), 1_061_849, 33),
    (lambda: VGGDiscriminator(size=256), 21_055_049, 39),
    (lambda: VGGDiscriminator(in_channels=6, size=256), 21_056_777, 39),
    (UNetDiscriminator, 4_376_897, 12),
    (lambda: UNetDiscriminator(in_channels=6), 4_378_625, 12),
]

# A small one of each with the size of image it takes: odd where any size is allowed.
SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int, int]]] = {
    "ARCNN": (ARCNN, (2, 3, 13, 17)),
    "RRDBNet": (lambda: RRDBNet(channels=8, blocks=2, growth=4), (2, 3, 12, 20)),
    "SRVGGNetCompact": (lambda: SRVGGNetCompact(channels=8, convolutions=2), (2, 3, 13, 17)),
    "VGGDiscriminator": (lambda: VGGDiscriminator(in_channels=6, channels=4, size=64), (2, 6, 64, 64)),
    "UNetDiscriminator": (lambda: UNetDiscriminator(in_channels=6, channels=4), (2, 6, 16, 24)),
}
MULTIPLES = {"ARCNN": 1, "RRDBNet": 4, "SRVGGNetCompact": 1, "VGGDiscriminator": 64, "UNetDiscriminator": 8}


@pytest.fixture(params=SMALL)
def network_and_image(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    build, shape = SMALL[request.param]
    return build(), torch.rand(shape)


@pytest.mark.parametrize(("build", "parameters", "tensors"), COUNTS)
def test_parameter_count_is_that_of_the_reference(
    build: Callable[[], nn.Module], parameters: int, tensors: int
) -> None:
    with torch.device("meta"):
        network = build()
    counts = [parameter.numel() for parameter in network.parameters()]
    assert (sum(counts), len(counts)) == (parameters, tensors)


@pytest.mark.parametrize("name", SMALL)
def test_multiple_of(name: str) -> None:
    assert SMALL[name][0]().multiple_of == MULTIPLES[name]


@pytest.mark.parametrize("network", [ARCNN, RRDBNet, SRVGGNetCompact, VGGDiscriminator, UNetDiscriminator])
def test_multiple_of_is_known_without_building(
    network: type[ARCNN | RRDBNet | SRVGGNetCompact | VGGDiscriminator | UNetDiscriminator],
) -> None:
    assert network.multiple_of >= 1


def test_channels_last_gives_the_same(network_and_image: tuple[nn.Module, Tensor]) -> None:
    network, image = network_and_image
    network.eval()
    with torch.no_grad():
        expected = network(image)
        network.to(memory_format=torch.channels_last)
        result = network(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected)


def test_bfloat16_autocast_gives_nearly_the_same_and_trains(network_and_image: tuple[nn.Module, Tensor]) -> None:
    network, image = network_and_image
    network.eval()
    expected = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(image)
    torch.testing.assert_close(result.float(), expected, atol=0.02, rtol=0.05)
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        network(image).float().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_gradient_reaches_every_parameter_and_the_image(network_and_image: tuple[nn.Module, Tensor]) -> None:
    network, image = network_and_image
    image.requires_grad_()
    network(image).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert image.grad is not None
    assert image.grad.abs().max() > 0


def test_image_is_left_as_it_was(network_and_image: tuple[nn.Module, Tensor]) -> None:
    network, image = network_and_image
    before = image.clone()
    network(image)
    assert torch.equal(image, before)


def test_copy_after_a_forward_pass_gives_the_same_and_is_apart(network_and_image: tuple[nn.Module, Tensor]) -> None:
    network, image = network_and_image
    network(image)
    twin = copy.deepcopy(network)
    network.eval()
    twin.eval()
    expected = network(image)
    assert torch.equal(twin(image), expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2)
    assert torch.equal(network(image), expected)
