import pytest
import torch
from torch.nn import functional

from biasgan.networks.vgg_discriminator import VGGDiscriminator

# Widths of the stages in multiples of the first.
STAGES = {64: (1, 2, 4, 8), 128: (1, 2, 4, 8, 8), 256: (1, 2, 4, 8, 8, 8), 512: (1, 2, 4, 8, 8, 8, 8)}


@pytest.mark.parametrize("size", STAGES)
@pytest.mark.parametrize("in_channels", [3, 6])
def test_one_logit_per_patch(size: int, in_channels: int) -> None:
    discriminator = VGGDiscriminator(in_channels, channels=2, size=size)
    assert discriminator(torch.rand(2, in_channels, size, size)).shape == (2, 1)


@pytest.mark.parametrize(("size", "stages"), STAGES.items())
def test_keys_and_widths_are_those_of_the_published_code(size: int, stages: tuple[int, ...]) -> None:
    expected: dict[str, tuple[int, ...]] = {"conv0_0.bias": (2,), "linear1.bias": (100,), "linear2.bias": (1,)}
    before = 3
    for stage, factor in enumerate(stages):
        width = 2 * factor
        expected[f"conv{stage}_0.weight"] = (width, before, 3, 3)
        expected[f"conv{stage}_1.weight"] = (width, width, 4, 4)
        for half in (0, 1) if stage else (1,):
            for name in ("weight", "bias", "running_mean", "running_var"):
                expected[f"bn{stage}_{half}.{name}"] = (width,)
            expected[f"bn{stage}_{half}.num_batches_tracked"] = ()
        before = width
    expected["linear1.weight"] = (100, before * 16)
    expected["linear2.weight"] = (1, 100)
    state = VGGDiscriminator(channels=2, size=size).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected


def test_layers_are_those_of_the_published_code() -> None:
    torch.manual_seed(0)
    discriminator = VGGDiscriminator(channels=4)
    weights = dict(discriminator.named_parameters())
    image = torch.rand(3, 3, 128, 128)
    x = image
    for stage in range(5):
        for half in (0, 1):
            name = f"{stage}_{half}"
            x = functional.conv2d(x, weights[f"conv{name}.weight"], weights.get(f"conv{name}.bias"), 1 + half, 1)
            if name != "0_0":
                x = functional.batch_norm(x, None, None, weights[f"bn{name}.weight"], weights[f"bn{name}.bias"], True)
            x = functional.leaky_relu(x, 0.2)
    x = functional.linear(x.flatten(1), weights["linear1.weight"], weights["linear1.bias"])
    x = functional.linear(functional.leaky_relu(x, 0.2), weights["linear2.weight"], weights["linear2.bias"])
    torch.testing.assert_close(discriminator(image), x)


@pytest.mark.parametrize("size", [0, 32, 96, 127, 1024])
def test_other_sizes_cannot_be_built(size: int) -> None:
    with pytest.raises(ValueError, match=f"patches of 64, 128, 256 or 512 pixels, got size={size}$"):
        VGGDiscriminator(size=size)


@pytest.mark.parametrize(("height", "width"), [(64, 128), (128, 64), (256, 256)])
def test_patches_of_other_sizes_are_refused_in_plain_words(height: int, width: int) -> None:
    text = f"built for patches of 128 x 128 pixels, got {height} x {width}; train on patches of 128 pixels, or set"
    with pytest.raises(ValueError, match=text):
        VGGDiscriminator(channels=2)(torch.rand(1, 3, height, width))
