import math
from typing import Literal

import pytest
import torch
from spandrel import ModelLoader

from biasgan.networks.rrdbnet import RRDBNet

SIZES = [(64, 23, 32), (16, 2, 32)]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def network(request: pytest.FixtureRequest) -> RRDBNet:
    torch.manual_seed(0)
    channels, blocks, growth = request.param
    return RRDBNet(channels, blocks, growth).eval()


@pytest.mark.parametrize("wrapped", [False, True])
@torch.no_grad()
def test_spandrel_loads_it_and_gives_the_same_bits(network: RRDBNet, wrapped: bool) -> None:
    state = network.state_dict()
    loaded = ModelLoader(device="cpu").load_from_state_dict({"params_ema": state} if wrapped else state)
    assert loaded.architecture.id == "ESRGAN"
    assert loaded.scale == 1
    assert loaded.size_requirements.multiple_of == RRDBNet.multiple_of
    image = torch.rand(1, 3, 12, 16)
    assert torch.equal(network(image), loaded.model.eval()(image))


@pytest.mark.parametrize("scale", [2, 4])
@torch.no_grad()
def test_the_published_ones_that_enlarge(scale: Literal[2, 4]) -> None:
    torch.manual_seed(0)
    network = RRDBNet(16, 2, 32, scale)
    loaded = ModelLoader(device="cpu").load_from_state_dict(network.state_dict())
    assert loaded.scale == scale
    image = torch.rand(1, 3, 6, 10)
    assert torch.equal(network(image), loaded.model.eval()(image))


def test_keys_are_those_of_the_published_code() -> None:
    dense = [f"body.{block}.rdb{rdb}.conv{conv}" for block in range(2) for rdb in (1, 2, 3) for conv in range(1, 6)]
    outer = ["conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    state = RRDBNet(8, 2, 4).state_dict()
    assert set(state) == {f"{layer}.{kind}" for layer in dense + outer for kind in ("weight", "bias")}
    assert state["conv_first.weight"].shape == (8, 48, 3, 3)


def test_dense_blocks_start_small_and_outer_convolutions_as_pytorch_has_them() -> None:
    torch.manual_seed(0)
    network = RRDBNet(64, 1, 32)
    for name, parameter in network.named_parameters():
        fan_in = parameter[0].numel()
        if name.startswith("body") and name.endswith("bias"):
            assert parameter.abs().max() == 0, name
        elif name.startswith("body"):
            assert parameter.std().item() == pytest.approx(0.1 * math.sqrt(2 / fan_in), rel=0.05), name
        elif name.endswith("weight"):
            assert parameter.std().item() == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.05), name
        else:
            assert parameter.abs().max() > 0, name


@pytest.mark.parametrize(("height", "width"), [(10, 8), (8, 13)])
def test_other_sizes_are_refused_in_plain_words(height: int, width: int) -> None:
    text = f"RRDBNet needs height and width to be multiples of 4, got {height} x {width}; pad or crop to such a size"
    with pytest.raises(ValueError, match=text):
        RRDBNet(8, 1, 4)(torch.rand(1, 3, height, width))
