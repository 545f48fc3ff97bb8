"""What every network promises, whatever it computes."""

import copy
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from biasgan.inference.tiles import TileNeeds
from biasgan.networks.any_size import SizeNeeds, restore
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.cbdnet import CBDNet
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.dcad import DCAD
from biasgan.networks.dncnn import DnCNN
from biasgan.networks.mprnet import MPRNet
from biasgan.networks.rbqe import RBQE
from biasgan.networks.rdn import RDN
from biasgan.networks.residual_unet import ResidualUNet
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.unet import UNet
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.networks.vgg_features import VGGFeatures

from .rbqe_original import OriginalRBQE

COUNTS = [
    (ARCNN, 117_731, 8),
    (DCAD, 298_947, 20),
    (DnCNN, 557_443, 34),
    (lambda: DnCNN(batch_norm=True), 558_403, 49),
    (CBDNet, 3_944_710, 44),
    (lambda: RDN(channels=32, blocks=4, convolutions=4, growth=32), 414_147, 50),
    (lambda: RDN(blocks=8), 11_026_563, 154),
    (RDN, 21_975_683, 298),
    (lambda: RBQE(exits=1, attention=False), 888_451, 126),
    (lambda: RBQE(exits=1), 888_574, 167),
    (lambda: RBQE(attention=False), 891_919, 134),
    (RBQE, 892_054, 179),
    (lambda: RBQE(channels=64), 3_553_430, 179),
    (OriginalRBQE, 300_455, 258),
    (lambda: MPRNet(channels=16, unet_growth=16, full_growth=16, blocks=4), 887_217, 214),
    (MPRNet, 20_127_073, 262),
    (RRDBNet, 16_723_907, 702),
    (lambda: RRDBNet(channels=32, blocks=16, growth=32), 6_694_915, 492),
    (lambda: RRDBNet(scale=2), 16_703_171, 702),
    (lambda: RRDBNet(scale=4), 16_697_987, 702),
    (ResidualUNet, 492_636, 42),
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
GENERATORS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int, int]]] = {
    "ARCNN": (ARCNN, (2, 3, 13, 17)),
    "DCAD": (lambda: DCAD(channels=8, convolutions=2), (2, 3, 13, 17)),
    "DnCNN": (lambda: DnCNN(channels=8, convolutions=2), (2, 3, 13, 17)),
    "DnCNN with batch norm": (lambda: DnCNN(channels=8, convolutions=2, batch_norm=True), (2, 3, 13, 17)),
    "CBDNet": (lambda: CBDNet(channels=8), (2, 3, 13, 17)),
    "RDN": (lambda: RDN(channels=8, blocks=2, convolutions=2, growth=4), (2, 3, 13, 17)),
    "RBQE": (lambda: RBQE(channels=8, levels=3, exits=1), (2, 3, 13, 17)),
    "MPRNet": (lambda: MPRNet(channels=8, unet_growth=4, full_growth=4, blocks=1, reduction=1), (2, 3, 13, 17)),
    "UNet": (lambda: UNet(channels=4), (2, 3, 16, 32)),
    "ResidualUNet": (lambda: ResidualUNet(channels=(4, 8), blocks=(1, 1)), (2, 3, 12, 20)),
    "RRDBNet": (lambda: RRDBNet(channels=8, blocks=2, growth=4), (2, 3, 12, 20)),
    "SRVGGNetCompact": (lambda: SRVGGNetCompact(channels=8, convolutions=2), (2, 3, 13, 17)),
}
SMALL = {
    **GENERATORS,
    "VGGDiscriminator": (lambda: VGGDiscriminator(in_channels=6, channels=4, size=64), (2, 6, 64, 64)),
    "UNetDiscriminator": (lambda: UNetDiscriminator(in_channels=6, channels=4), (2, 6, 16, 24)),
}
NEEDS: dict[type[nn.Module], tuple[int, int]] = {
    **dict.fromkeys((ARCNN, DCAD, DnCNN, RDN, RBQE, SRVGGNetCompact, VGGFeatures), (1, 1)),
    CBDNet: (1, 4),
    MPRNet: (8, 8),
    UNet: (16, 16),
    RRDBNet: (4, 4),
    VGGDiscriminator: (128, 128),
    UNetDiscriminator: (8, 8),
}
LAST = {"ARCNN": "layers.6", "DCAD": "layers.6", "DnCNN": "layers.6", "DnCNN with batch norm": "layers.8"} | {
    "CBDNet": "last", "RBQE": "outs.0.1", "MPRNet": "last", "UNet": "last", "ResidualUNet": "last",
    "SRVGGNetCompact": "body.6",
}  # fmt: skip
"""Last layer of the networks that add what they predict to the image."""


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


@pytest.mark.parametrize(("network", "needs"), NEEDS.items())
def test_what_sides_it_takes_is_known_without_building(network: type[nn.Module], needs: tuple[int, int]) -> None:
    assert tuple(getattr(network, name) for name in SizeNeeds._fields) == needs


@pytest.mark.parametrize(
    ("network", "needs"),
    [
        (lambda: VGGDiscriminator(channels=1, size=64), (64, 64)),
        (lambda: RRDBNet(1, 1, 1, scale=2), (2, 2)),
        (lambda: RRDBNet(1, 1, 1, scale=4), (1, 1)),
        (ResidualUNet, (8, 8)),
        (lambda: VGGFeatures(["conv1_2"]), (1, 1)),
        (lambda: VGGFeatures(["conv1_2", "conv4_4"]), (1, 8)),
    ],
)
def test_what_sides_it_takes_as_it_is_built(network: Callable[[], nn.Module], needs: tuple[int, int]) -> None:
    built = network()
    assert SizeNeeds.of(built) == needs
    assert len(built(torch.rand(2, 3, *[needs[1]] * 2)))


@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_restores_any_size(name: str) -> None:
    torch.manual_seed(0)
    network = GENERATORS[name][0]().eval()
    least = SizeNeeds.of(network).smallest_side
    assert network(torch.rand(1, 3, least, least)).shape == (1, 3, least, least)
    for size in ((1, 1), (2, 3), (7, 6), (1, 40), (10, 14), (31, 33)):
        image = torch.rand(1, 3, *size)
        assert restore(network, image).shape == image.shape
        assert restore(network, image).isfinite().all()


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("CBDNet", (3, 9), "CBDNet needs height and width of at least 4, got 3 x 9"),
        ("MPRNet", (16, 7), "MPRNet needs height and width of at least 8, got 16 x 7"),
        ("ResidualUNet", (8, 10), "ResidualUNet needs height and width to be multiples of 4, got 8 x 10"),
        ("UNet", (16, 24), "UNet needs height and width to be multiples of 16, got 16 x 24"),
    ],
)
def test_other_sizes_are_refused_in_plain_words(name: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GENERATORS[name][0]()(torch.rand(1, 3, *size))


@pytest.mark.parametrize("name", LAST)
def test_without_its_last_layer_it_is_the_identity(name: str) -> None:
    network, image = GENERATORS[name][0](), torch.rand(GENERATORS[name][1])
    assert not torch.equal(network(image), image)
    with torch.no_grad():
        for parameter in network.get_submodule(LAST[name]).parameters():
            parameter.zero_()
    assert torch.equal(network(image), image)


@pytest.mark.parametrize(
    ("build", "sight"),
    [
        (ARCNN, 9),
        (lambda: DCAD(channels=1, convolutions=2), 4),
        (lambda: DnCNN(channels=1, convolutions=3), 5),
        (lambda: SRVGGNetCompact(channels=1, convolutions=2), 4),
        (lambda: RDN(channels=1, blocks=2, convolutions=3, growth=1), 10),
        (lambda: RRDBNet(channels=1, blocks=1, growth=1), 76),
        (lambda: CBDNet(channels=2), 47),
        (lambda: ResidualUNet(channels=(1,), blocks=(2,)), 21),
        (lambda: ResidualUNet(channels=(1, 1), blocks=(1, 1)), 43),
        (lambda: ResidualUNet(channels=(1, 1), blocks=(4, 1)), 67),
        (lambda: RBQE(channels=1, levels=1, exits=1, attention=False), 10),
        (lambda: RBQE(channels=1, levels=3, exits=2, attention=False), 52),
    ],
)
def test_how_far_a_pixel_sees_is_stated(build: Callable[[], nn.Module], sight: int) -> None:
    network = build().double()
    assert network.receptive_field == sight
    for parameter in network.parameters():
        # So that no activation stops a gradient.
        nn.init.uniform_(parameter, 0.05, 0.1)
    alignment, farthest = TileNeeds.of(network).alignment, 0
    least = 2 * (sight + alignment) + 3
    # How a side is divided moves what is doubled.
    for phase, more in product(range(alignment), range(alignment)):
        image = torch.rand(1, 3, least + more, least + more, dtype=torch.float64, requires_grad=True)
        at = sight + 1 + phase
        restore(network, image)[0, :, at, at].sum().backward()
        assert image.grad is not None
        seen = image.grad[0].abs().sum(0).nonzero()
        farthest = max(farthest, int((seen - at).abs().max()))
    assert farthest == sight


def test_how_far_a_pixel_of_the_unet_sees_is_stated() -> None:
    """With means instead of maxima, each of which looks at one pixel only."""
    network = UNet(channels=1).double()
    for down in network.downs:
        assert isinstance(down, nn.Sequential)
        down[0] = nn.AvgPool2d(2)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.05, 0.1)
    farthest = 0
    for at in range(112, 128):
        image = torch.rand(1, 3, 240, 240, dtype=torch.float64, requires_grad=True)
        network(image)[0, 0, at, at].backward()
        assert image.grad is not None
        farthest = max(farthest, int((image.grad[0].abs().sum(0).nonzero() - at).abs().max()))
    assert farthest == network.receptive_field


@pytest.mark.parametrize("build", [MPRNet, RBQE, lambda: RRDBNet(1, 1, 1, scale=2)])
def test_some_see_everything_or_another_grid(build: Callable[[], nn.Module]) -> None:
    with torch.device("meta"):
        assert TileNeeds.of(build()).receptive_field is None


def test_every_parameter_has_one_name(network_and_image: tuple[nn.Module, Tensor]) -> None:
    """Safetensors refuse two names for one."""
    state = network_and_image[0].state_dict()
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)


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
