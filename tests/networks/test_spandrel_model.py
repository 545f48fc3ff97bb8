import builtins
import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from spandrel import ImageModelDescriptor, ModelLoader
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.DRCT import DRCT
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.FBCNN import FBCNN
from spandrel.architectures.GRL import GRL
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.SwinIR import SwinIR
from spandrel.architectures.Uformer import Uformer
from torch import Tensor, nn

from biasgan.networks.any_size import SizeNeeds, restore
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.spandrel_model import SpandrelModel, UntrainedModel

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.meshgrid:UserWarning", "ignore:.*saved_variables")


def swinir(window_size: int, upscale: int = 1, start_unshuffle: int = 1) -> nn.Module:
    common: dict[str, Any] = {"depths": [2], "embed_dim": 12, "num_heads": [2], "mlp_ratio": 2}
    common["start_unshuffle"] = start_unshuffle
    upsampler = "" if upscale == 1 else "pixelshuffle"
    return SwinIR(
        img_size=2 * window_size, window_size=window_size, img_range=255.0 if window_size == 7 else 1.0,
        upscale=upscale, upsampler=upsampler, **common,
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, int]]] = {
    "SwinIR for JPEG": (lambda: swinir(7), "SwinIR", (1, 16)),
    "SwinIR": (lambda: swinir(8), "SwinIR", (1, 16)),
    "FBCNN": (lambda: FBCNN(nc=[4, 4, 4, 512], nb=2), "FBCNN", (1, 1)),
    "DnCNN": (lambda: DnCNN(in_nc=3, out_nc=3, nc=8, nb=8, act_mode="R"), "DnCNN", (1, 1)),
    "DnCNN with batch norm": (lambda: DnCNN(in_nc=3, out_nc=3, nc=8, nb=8), "DnCNN", (1, 1)),
    "NAFNet": (lambda: NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]), "NAFNet", (1, 1)),
    "DRUNet": (lambda: DRUNet(in_nc=4, out_nc=3, nc=[4, 4, 4, 8], nb=2), "DRUNet", (8, 8)),
    "ESRGAN": (lambda: ESRGAN(in_nc=3, out_nc=3, num_filters=8, num_blocks=2, scale=1), "ESRGAN", (1, 2)),
    "RRDBNet": (lambda: RRDBNet(channels=8, blocks=2, growth=32), "ESRGAN", (4, 4)),
    "DRCT": (
        lambda: DRCT(
            **{"img_size": 32, "window_size": 16, "embed_dim": 12, "depths": (6,), "num_heads": (2,), "gc": 4},
            **{"upscale": 1, "upsampler": "", "ape": True, "qkv_bias": True},
        ),
        *("DRCT", (16, 16)),
    ),
    "GRL": (
        lambda: GRL(embed_dim=12, depths=[1], num_heads_window=[1], num_heads_stripe=[1], img_size=16),
        *("GRL", (1, 1)),
    ),
    "SPAN": (lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=1, norm=False), "SPAN", (1, 1)),
    "Uformer": (lambda: Uformer(embed_dim=4, depths=[1] * 9, num_heads=[1] * 9), "Uformer", (128, 128)),
}
"""Networks, most of them as spandrel builds them, with the name that it gives them and the sides that they take."""


def state_of(network: nn.Module) -> dict[str, Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=1 / math.sqrt(parameter[0].numel()) if parameter.ndim > 1 else 0.2)
    return network.state_dict()


def described(state: dict[str, Tensor]) -> ImageModelDescriptor[nn.Module]:
    result = ModelLoader(device="cpu").load_from_state_dict(dict(state))
    assert isinstance(result, ImageModelDescriptor)
    return result


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_spandrel_computes(name: str) -> None:
    build, architecture, needs = NETWORKS[name]
    state = state_of(build())
    network = SpandrelModel(state).eval()
    assert network.architecture == architecture
    assert SizeNeeds.of(network) == needs
    images = torch.rand(2, 3, 133, 150) if name == "Uformer" else torch.rand(2, 3, 19, 26)
    expected = torch.cat([described(state)(image) for image in images.split(1)])
    assert expected.std() > 0.01
    with torch.no_grad():
        together, alone = restore(network, images), restore(network, images[1:])
    torch.testing.assert_close(together.clamp(0, 1), expected, atol=1e-4, rtol=0)
    assert torch.equal(alone.clamp(0, 1), expected[1:])


@pytest.mark.parametrize("name", NETWORKS)
def test_its_weights_are_recognised_again(name: str) -> None:
    network = SpandrelModel(state_of(NETWORKS[name][0]())).eval()
    state = load(save({key: tensor.contiguous() for key, tensor in network.state_dict().items()}))
    side = max(32, network.smallest_side)
    image = torch.rand(1, 3, side, side)
    with torch.no_grad():
        expected = network(image)
        assert torch.equal(SpandrelModel(state).eval()(image), expected)
    assert torch.equal(described(state)(image), expected.clamp(0, 1))


def test_names_are_those_of_the_published_file() -> None:
    for name in ("SwinIR", "DnCNN with batch norm", "NAFNet", "DRUNet", "GRL", "SPAN", "DRCT"):
        state = state_of(NETWORKS[name][0]())
        network = SpandrelModel(state)
        assert network.state_dict().keys() == state.keys()
        assert [key for key, _ in network.named_parameters()] == [
            key for key, _ in NETWORKS[name][0]().named_parameters()
        ]


@pytest.mark.parametrize("name", ["SwinIR", "DnCNN with batch norm", "NAFNet", "DRUNet", "GRL", "SPAN"])
def test_it_can_be_trained_moved_and_copied_like_any_network(name: str) -> None:
    network = SpandrelModel(state_of(NETWORKS[name][0]()))
    twin = copy.deepcopy(network)
    network.to(memory_format=torch.channels_last)
    image = torch.rand(2, 3, 24, 32)
    with torch.autocast("cpu", torch.bfloat16):
        network(image).float().square().mean().backward()
    for key, parameter in network.named_parameters():
        # SPAN computes these from others.
        assert (parameter.grad is not None) == ("eval_conv" not in key), key
    with torch.no_grad():
        before = twin.eval()(image)
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(twin(image), before)
        assert not torch.equal(network.eval()(image), before)
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(twin(image), network(image))
        assert twin.to("meta")(image.to("meta")).is_meta


def test_training_and_evaluation_reach_the_whole_network() -> None:
    """A description of its own keeps a mode of its own."""
    network = SpandrelModel(state_of(NETWORKS["DnCNN with batch norm"][0]()))
    built = network._network[0]
    for mode in (False, True):
        network.train(mode)
        assert {layer.training for layer in (network, built, *built.modules())} == {mode}


def test_building_it_does_not_change_the_statistics_of_batch_norm() -> None:
    state = state_of(NETWORKS["DnCNN with batch norm"][0]())
    network = SpandrelModel(state)
    assert network.training
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: swinir(8, upscale=2), "weights of SwinIR that enlarges by 2; expected one that keeps the size"),
        (lambda: Compact(num_feat=4, num_conv=1, upscale=4), "enlarges by 4"),
        (lambda: DnCNN(nc=8, nb=8), "weights of DnCNN from 1 to 1 channels; expected one of colour images, 3 to 3"),
        (ARCNN, "weights without a configuration, of no network that spandrel recognises"),
    ],
    ids=["twice as large", "four times as large", "grey", "unknown"],
)
def test_other_networks_are_refused(build: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpandrelModel(build().state_dict())


def test_weights_that_only_look_like_those_of_a_network_are_refused() -> None:
    state = state_of(NETWORKS["DnCNN"][0]())
    del state["model.4.bias"]
    state["model.6.weight"] = torch.zeros(5)
    with pytest.raises(ValueError, match="of no network that spandrel recognises"):
        SpandrelModel(state)
    state = state_of(NETWORKS["DnCNN"][0]())
    state["model.6.weight"] = torch.zeros(5)
    with pytest.raises(ValueError, match=r"the network that it takes these weights for: Error.* DnCNN: size"):
        SpandrelModel(state)


def test_weights_that_could_not_be_opened_again_are_refused() -> None:
    """SwinIR with pixels folded into channels, whose first convolution spandrel knows by one of two names only."""
    state = state_of(swinir(8, upscale=2, start_unshuffle=2))
    folded = {name.replace("conv_first.", "conv_first.1."): tensor for name, tensor in state.items()}
    assert (described(folded).scale, described(folded).input_channels) == (1, 3)
    with pytest.raises(ValueError, match="weights of SwinIR that spandrel renames and then does not recognise"):
        SpandrelModel(folded)


@torch.no_grad()
def test_a_network_of_square_images_takes_others_too() -> None:
    state = state_of(NETWORKS["Uformer"][0]())
    image = torch.rand(1, 3, 256, 384)
    assert described(state).size_requirements.square
    assert torch.equal(SpandrelModel(state).eval()(image).clamp(0, 1), described(state)(image))


def test_sizes_that_it_cannot_take_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 8, got 12 x 16"):
        SpandrelModel(state_of(NETWORKS["DRUNet"][0]()))(torch.rand(1, 3, 12, 16))
    with pytest.raises(ValueError, match="at least 16, got 12 x 16"):
        SpandrelModel(state_of(NETWORKS["SwinIR"][0]()))(torch.rand(1, 3, 12, 16))


def test_without_spandrel_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name == "spandrel":
            raise ModuleNotFoundError("No module named 'spandrel'")
        return imported(name, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'biasgan\[spandrel\]'"):
        SpandrelModel({})


def test_an_untrained_one_has_the_weights_of_its_class() -> None:
    torch.manual_seed(0)
    expected = NAFNet(width=4, enc_blk_nums=[1], dec_blk_nums=[1]).state_dict()
    torch.manual_seed(0)
    network = UntrainedModel("NAFNet", width=4, enc_blk_nums=[1], dec_blk_nums=[1])
    assert network.architecture == "NAFNet"
    torch.testing.assert_close(dict(network.state_dict()), expected)


@pytest.mark.parametrize(
    ("architecture", "sizes", "message"),
    [
        ("FBCNN", {"nc": [4, 4, 4, 512], "nb": 1}, "of no network that spandrel recognises"),
        (
            "Nothing",
            {},
            "spandrel has no architecture Nothing; expected one of those that keep the size, such as SwinIR",
        ),
        ("ESRGAN", {"in_nc": 3, "out_nc": 3, "num_blocks": 1}, "ESRGAN that enlarges by 4"),
    ],
)
def test_an_untrained_one_that_serves_nothing_is_refused(
    architecture: str, sizes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        UntrainedModel(architecture, **sizes)
