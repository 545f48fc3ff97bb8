import pytest
import torch
from torch import Tensor
from torch.nn import functional

from biasgan.networks.mprnet import MPRNet


class Reference:
    """The network written out as functions of its parameters."""

    def __init__(self, network: MPRNet, blocks: int) -> None:
        self.weights = dict(network.named_parameters())
        self.blocks = blocks
        self.used: set[str] = set()

    def conv(self, x: Tensor, name: str) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        self.used.add(f"{name}.weight")
        return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)

    def cab(self, x: Tensor, name: str) -> Tensor:
        self.used.add("activation.weight")
        y = self.conv(
            functional.prelu(self.conv(x, f"{name}.conv1"), self.weights["activation.weight"]), f"{name}.conv2"
        )
        a = self.conv(self.conv(y.mean((2, 3), keepdim=True), f"{name}.weights.1").relu(), f"{name}.weights.3")
        return y * a.sigmoid() + x

    def two(self, x: Tensor, name: str) -> Tensor:
        return self.cab(self.cab(x, f"{name}.0"), f"{name}.1")

    def resize(self, x: Tensor, factor: float, name: str) -> Tensor:
        return self.conv(functional.interpolate(x, scale_factor=factor, mode="bilinear"), f"{name}.1")

    def shallow(self, x: Tensor, name: str) -> Tensor:
        return self.cab(self.conv(x, f"{name}.0"), f"{name}.1")

    def encode(self, x: Tensor, name: str, *stage1: list[Tensor]) -> list[Tensor]:
        e: list[Tensor] = []
        for k in range(3):
            x = self.two(self.resize(x, 0.5, f"{name}.downs.{k - 1}") if k else x, f"{name}.levels.{k}")
            for features, kind in zip(stage1, ("encoded", "decoded"), strict=False):
                x = add(x, self.conv(features[k], f"{name}.fusions.{k}.{kind}.0"))
            e.append(x)
        return e

    def decode(self, e: list[Tensor], name: str) -> list[Tensor]:
        d3 = self.two(e[2], f"{name}.levels.2")
        up = self.resize(d3, 2, f"{name}.ups.1")
        d2 = self.two(add(self.cab(e[1], f"{name}.skips.1"), up), f"{name}.levels.1")
        up = self.resize(d2, 2, f"{name}.ups.0")
        return [self.two(add(self.cab(e[0], f"{name}.skips.0"), up), f"{name}.levels.0"), d2, d3]

    def sam(self, f: Tensor, image: Tensor, name: str) -> Tensor:
        mask = self.conv(self.conv(f, f"{name}.image") + image, f"{name}.weights").sigmoid()
        return self.conv(f, f"{name}.features") * mask + f

    def half(self, image: Tensor) -> list[Tensor]:
        middle = image.shape[3] // 2
        quarters = image[..., :middle], image[..., middle:]
        left, right = (self.encode(self.shallow(quarter, "shallow1"), "encoder1") for quarter in quarters)
        e = [torch.cat(pair, 3) for pair in zip(left, right, strict=True)]
        d = self.decode(e, "decoder1")
        x = torch.cat([self.shallow(image, "shallow2"), self.sam(d[0], image, "attention12")], 1)
        return self.encode(self.conv(x, "merge12"), "encoder2", e, d)

    def __call__(self, image: Tensor) -> Tensor:
        middle = image.shape[2] // 2
        top, bottom = self.half(image[:, :, :middle]), self.half(image[:, :, middle:])
        e = [torch.cat(pair, 2) for pair in zip(top, bottom, strict=True)]
        d = self.decode(e, "decoder2")
        x = torch.cat([self.shallow(image, "shallow3"), self.sam(d[0], image, "attention23")], 1)
        x = self.conv(x, "merge23")
        for k in range(3):
            y = x
            for number in range(self.blocks):
                y = self.cab(y, f"groups.{k}.layers.{number}")
            x = self.conv(y, f"groups.{k}.layers.{self.blocks}") + x
            for features, kind in ((e[k], "encoded"), (d[k], "decoded")):
                name = f"fusions.{k}.{kind}"
                for step in range(k):
                    features = self.resize(features, 2, f"{name}.{step}")
                x = add(x, self.conv(features, f"{name}.{k}"))
        return self.conv(x, "last") + image


def add(x: Tensor, smaller: Tensor) -> Tensor:
    result = x.clone()
    top, left = ((x.shape[dim] - smaller.shape[dim]) // 2 for dim in (2, 3))
    result[..., top : top + smaller.shape[2], left : left + smaller.shape[3]] += smaller
    return result


@pytest.mark.parametrize("size", [(16, 24), (8, 8), (12, 20), (13, 17), (15, 11), (9, 31)])
@torch.no_grad()
def test_stages_are_those_of_the_reference(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = MPRNet(channels=6, unet_growth=3, full_growth=2, blocks=2, reduction=2)
    network.activation.weight.fill_(0.3)
    image = torch.rand(2, 3, *size)
    reference = Reference(network, blocks=2)
    expected = reference(image)
    assert reference.used == set(reference.weights)
    restored = network(image)
    torch.testing.assert_close(restored, expected)
    assert (restored - image).abs().max() > 1e-3


def test_one_slope_for_all() -> None:
    network = MPRNet(channels=4, unet_growth=2, full_growth=2, blocks=1)
    slopes = [name for name, parameter in network.named_parameters() if parameter.ndim == 1]
    assert slopes == ["activation.weight"]
    assert network.activation.weight.tolist() == [0.25]
    assert all(parameter.ndim == 4 for name, parameter in network.named_parameters() if name not in slopes)
