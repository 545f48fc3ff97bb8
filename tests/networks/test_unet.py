import torch
from torch.nn import functional

from biasgan.networks.unet import UNet


@torch.no_grad()
def test_layers_are_those_of_the_paper_plus_the_image() -> None:
    torch.manual_seed(0)
    network = UNet(channels=3)
    weights = dict(network.named_parameters())
    image = torch.rand(2, 3, 32, 48)

    def two(x: torch.Tensor, name: str) -> torch.Tensor:
        for index in (0, 2):
            x = functional.conv2d(
                x, weights[f"{name}.{index}.weight"], weights[f"{name}.{index}.bias"], padding=1
            ).relu()
        return x

    skips = [two(image, "first")]
    for level in range(4):
        skips.append(two(functional.max_pool2d(skips[-1], 2), f"downs.{level}.1"))
    x = skips[4]
    for step in range(4):
        name = f"doubles.{step}"
        x = functional.conv_transpose2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=2)
        x = two(torch.cat([skips[3 - step], x], 1), f"ups.{step}")
    expected = image + functional.conv2d(x, weights["last.weight"], weights["last.bias"])
    torch.testing.assert_close(network(image), expected)


@torch.no_grad()
def test_moves_with_the_image_by_sixteen_pixels() -> None:
    torch.manual_seed(0)
    network = UNet(channels=2)
    image = torch.rand(1, 3, 16 * 32, 16)
    far = slice(200, 300)
    torch.testing.assert_close(network(image)[..., far, :], network(image.roll(16, 2))[..., 216:316, :])
