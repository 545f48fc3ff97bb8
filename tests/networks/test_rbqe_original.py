import pytest
import torch
from torch import Tensor
from torch.nn import functional

from biasgan.networks.any_size import restore

from .rbqe_original import OriginalRBQE


def reference(network: OriginalRBQE, image: Tensor) -> list[Tensor]:
    """Images of all exits, with the features in a table by U-Net and depth."""
    state = network.state_dict()
    weighed: list[str] = []

    def layer(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        groups = x.shape[1] // weight.shape[1]
        return functional.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2, groups=groups)

    def attend(x: Tensor, name: str) -> Tensor:
        weighed.append(name)
        scale = functional.conv1d(x.mean((2, 3))[:, None], state[f"{name}.mix.weight"], padding=1).sigmoid()
        return x * scale[:, 0, :, None, None]

    table = {(0, 0): layer(layer(image, "first.0").relu(), "first.2").relu()}
    images: list[Tensor] = []
    for unet in range(1, 6):
        name = f"unets.{unet - 1}"
        x = attend(table[unet - 1, unet - 1], f"{name}.down.0")
        x = layer(layer(x, f"{name}.down.1").relu(), f"{name}.down.3").relu()
        table[unet, unet] = layer(x, f"{name}.down.5", stride=2).relu()
        for depth in reversed(range(unet)):
            up = f"{name}.ups.{unet - 1 - depth}"
            dense = [
                attend(table[other, depth], f"{up}.attentions.{number}")
                for number, other in enumerate(range(depth, unet))
            ]
            x = table[unet, depth + 1]
            if unet < 5:
                x = attend(x, f"{up}.up.0")
            x = functional.conv_transpose2d(x, state[f"{up}.up.1.weight"], state[f"{up}.up.1.bias"], 2).relu()
            x = layer(layer(torch.cat([*dense, x], 1), f"{up}.fusion.0"), f"{up}.fusion.1").relu()
            table[unet, depth] = layer(layer(x, f"{up}.fusion.3"), f"{up}.fusion.4").relu()
        x = table[unet, 0] if unet == 5 else attend(table[unet, 0], f"outs.{unet - 1}.0")
        images.append(image + layer(layer(x, f"outs.{unet - 1}.1"), f"outs.{unet - 1}.2"))
    assert len(set(weighed)) == 54
    return images


@torch.no_grad()
def test_exits_are_those_of_the_reference() -> None:
    torch.manual_seed(0)
    network = OriginalRBQE(channels=4)
    # Features of untrained ones fade with depth; what they add would not count beside the image.
    for parameter in network.parameters():
        parameter.mul_(2)
    image = torch.rand(2, 1, 64, 32)
    images = list(network.exit_images(image))
    assert all((restored - image).abs().max() > 0.01 for restored in images)
    torch.testing.assert_close(images, reference(network, image))
    assert torch.equal(network(image), images[-1])


@torch.no_grad()
def test_takes_luma_of_any_size_if_it_is_padded() -> None:
    network = OriginalRBQE(channels=2, levels=3)
    image = torch.rand(1, 1, 9, 13)
    for run in (network, network.exit_images):
        with pytest.raises(ValueError, match="OriginalRBQE needs height and width to be multiples of 8, got 9 x 13"):
            run(image)
    assert restore(network, image).shape == image.shape
    assert network.leave_early(torch.rand(1, 1, 8, 16), lambda _: True).number == 1
