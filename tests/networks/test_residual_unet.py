import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch.nn import functional

from biasgan.networks.any_size import restore
from biasgan.networks.residual_unet import ResidualUNet


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (13, 21), (40, 24)])
def test_it_can_start_as_the_identity(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size)
    assert torch.equal(restore(ResidualUNet(start_as_identity=True), image), image)


@torch.no_grad()
def test_layers_are_those_that_are_described() -> None:
    torch.manual_seed(0)
    network = ResidualUNet(channels=(4, 6), blocks=(1, 2))
    weights = dict(network.named_parameters())

    def convolution(x: torch.Tensor, name: str, padding: int = 1, stride: int = 1) -> torch.Tensor:
        return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding)

    def block(x: torch.Tensor, name: str) -> torch.Tensor:
        inner = convolution(x, f"{name}.conv1")
        return x + convolution(torch.where(inner > 0, inner, 0.1 * inner), f"{name}.conv2")

    image = torch.rand(2, 3, 12, 44)
    skip = block(convolution(functional.pixel_unshuffle(image, 2), "first"), "encoders.0.0")
    deep = block(block(convolution(skip, "downs.0", 0, 2), "middle.0"), "middle.1")
    near = torch.ones(1, 1, 9, 9)
    many = functional.conv2d(torch.ones(1, 1, *deep.shape[2:]), near, padding=4)
    mean = functional.conv2d(deep.flatten(0, 1)[:, None], near, padding=4).view_as(deep) / many
    raised = skip + functional.pixel_shuffle(convolution(deep + convolution(mean, "around", 0), "ups.0", 0), 2)
    residual = convolution(block(block(raised, "decoders.0.0"), "decoders.0.1"), "last")
    torch.testing.assert_close(network(image), image + functional.pixel_shuffle(residual, 2))


@pytest.mark.parametrize(("channels", "blocks"), [((), ()), ((4, 4), (1,))])
def test_resolutions_without_channels_or_blocks_are_refused(channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are one number each per resolution; got"):
        ResidualUNet(channels, blocks)


@torch.no_grad()
def test_one_that_measures_jpeg_adds_more_the_coarser_it_is_and_nothing_to_what_is_none() -> None:
    torch.manual_seed(0)
    network = ResidualUNet(channels=(4, 6), blocks=(1, 2), measures_jpeg=True)
    picture = Image.fromarray(data.astronaut()[64:192, 64:192])
    untouched = picture.resize((96, 96), Image.Resampling.LANCZOS)
    changes: list[float] = []
    for quality in (10, 50, 90):
        file = io.BytesIO()
        untouched.save(file, "JPEG", quality=quality)
        image = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] / 255
        changes.append((network(image) - image).abs().mean().item())
    assert changes[0] > 1.5 * changes[1] > 3 * changes[2] > 0
    image = torch.from_numpy(np.array(untouched)).permute(2, 0, 1)[None] / 255
    assert torch.equal(network(image), image)


def test_one_that_measures_jpeg_sees_all_of_an_image() -> None:
    assert ResidualUNet(measures_jpeg=True).receptive_field is None
    assert ResidualUNet().receptive_field == 103
