import pytest
import torch
from torch import nn
from torch.nn import functional

from biasgan.networks.unet_discriminator import UNetDiscriminator


@pytest.mark.parametrize("in_channels", [3, 6])
def test_one_logit_per_pixel(in_channels: int) -> None:
    assert UNetDiscriminator(in_channels, 4)(torch.rand(2, in_channels, 24, 16)).shape == (2, 1, 24, 16)


def test_layers_are_those_of_the_published_code() -> None:
    torch.manual_seed(0)
    discriminator = UNetDiscriminator(channels=4).eval()
    image = torch.rand(1, 3, 16, 24)

    def layer(index: int, x: torch.Tensor, double: bool = False) -> torch.Tensor:
        if double:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        conv = discriminator.get_submodule(f"conv{index}")
        assert isinstance(conv, nn.Conv2d)
        x = functional.conv2d(x, conv.weight, conv.bias, stride=2 if index in (1, 2, 3) else 1, padding=1)
        return functional.leaky_relu(x, 0.2) if index < 9 else x

    x0 = layer(0, image)
    x1 = layer(1, x0)
    x2 = layer(2, x1)
    x4 = layer(4, layer(3, x2), double=True) + x2
    x5 = layer(5, x4, double=True) + x1
    x6 = layer(6, x5, double=True) + x0
    torch.testing.assert_close(discriminator(image), layer(9, layer(8, layer(7, x6))))


def test_spectral_norm_of_all_but_the_first_and_the_last_is_one() -> None:
    torch.manual_seed(0)
    discriminator = UNetDiscriminator(channels=4)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(3)
        for _ in range(30):
            discriminator(torch.rand(1, 3, 8, 8))
    discriminator.eval()
    for index in range(10):
        conv = discriminator.get_submodule(f"conv{index}")
        assert isinstance(conv, nn.Conv2d)
        norm = torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item()
        assert (norm == pytest.approx(1, abs=0.02)) == (index not in (0, 9)), index
        assert (conv.bias is None) == (index not in (0, 9)), index


def test_power_iteration_runs_in_training_only() -> None:
    torch.manual_seed(0)
    discriminator = UNetDiscriminator(channels=4)
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        discriminator.get_parameter("conv1.parametrizations.weight.original").normal_()
        assert not torch.equal(discriminator(image), discriminator(image))
        discriminator.eval()
        assert torch.equal(discriminator(image), discriminator(image))


@pytest.mark.parametrize(("height", "width"), [(12, 16), (16, 9)])
def test_other_sizes_are_refused_in_plain_words(height: int, width: int) -> None:
    text = f"UNetDiscriminator needs height and width to be multiples of 8, got {height} x {width}; pad or crop"
    with pytest.raises(ValueError, match=text):
        UNetDiscriminator(channels=2)(torch.rand(1, 3, height, width))
