import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from biasgan.networks.patch_discriminator import PatchDiscriminator


def test_layers_are_those_of_pix2pix() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(channels=4).eval()
    layers = discriminator.scales[0]
    assert isinstance(layers, nn.Sequential)
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    assert [tuple(each.weight.shape[:2]) for each in convolutions] == [(4, 3), (8, 4), (16, 8), (32, 16), (1, 32)]
    image = torch.rand(2, 3, 40, 56)
    x = functional.leaky_relu(functional.conv2d(image, convolutions[0].weight, convolutions[0].bias, 2, 1), 0.2)
    for convolution, norm, stride in zip(convolutions[1:4], norms, (2, 2, 1), strict=True):
        x = functional.leaky_relu(norm(functional.conv2d(x, convolution.weight, None, stride, 1)), 0.2)
    x = functional.conv2d(x, convolutions[4].weight, convolutions[4].bias, 1, 1)
    assert x.shape == (2, 1, 3, 5)
    torch.testing.assert_close(discriminator(image), x)


def test_a_logit_sees_70_pixels() -> None:
    discriminator = PatchDiscriminator(channels=2, spectral=True).eval()
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(image)[0, 0, 9, 9], image)
    rows = slope.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_each_scale_counts_alike_and_sees_half_the_resolution_of_the_one_before(scales: int) -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(channels=2, scales=scales).eval()
    image = torch.rand(1, 3, 96, 96)
    logits = discriminator(image)
    assert logits.shape == (1, scales, 10, 10)
    for scale, judge in enumerate(discriminator.scales):
        expected = functional.interpolate(judge(image), (10, 10))
        torch.testing.assert_close(logits[:, scale : scale + 1], expected)
        image = functional.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
    with pytest.raises(ValueError, match=f"at least {24 * 2 ** (scales - 1)}"):
        discriminator(torch.rand(1, 3, 24 * 2 ** (scales - 1) - 1, 96))


@pytest.mark.parametrize("spectral", [False, True])
def test_spectral_norm_is_on_all_but_the_first_and_the_last(spectral: bool) -> None:
    layers = PatchDiscriminator(in_channels=6, channels=4, spectral=spectral).scales[0]
    convolutions = [layer for layer in layers.modules() if isinstance(layer, nn.Conv2d)]
    assert [is_parametrized(each) for each in convolutions] == [False, *3 * [spectral], False]
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in layers.modules()) != spectral


def test_other_numbers_of_scales_are_refused() -> None:
    with pytest.raises(ValueError, match="has 1, 2 or 3 scales; got 4"):
        PatchDiscriminator(scales=4)
