from itertools import count

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.networks.quality_gate import QualityGate
from biasgan.networks.rbqe import RBQE, EfficientChannelAttention


def reference(network: RBQE, image: Tensor, attention: bool) -> list[Tensor]:
    """Images of all five exits, with the features in a table by U-Net and depth."""
    weights = dict(network.named_parameters())

    def layer(x: Tensor, name: str) -> Tensor:
        return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    def attend(x: Tensor, name: str) -> Tensor:
        if not attention:
            return x
        scale = functional.conv1d(x.mean((2, 3))[:, None], weights[f"{name}.mix.weight"], padding=1).sigmoid()
        return x * scale[:, 0, :, None, None]

    table = {(0, 0): layer(layer(image, "first.0").relu(), "first.2")}
    images: list[Tensor] = []
    for unet in range(1, 6):
        name = f"unets.{unet - 1}"
        x = layer(attend(table[unet - 1, unet - 1], f"{name}.down.0"), f"{name}.down.1")
        x = functional.conv2d(x, weights[f"{name}.down.2.weight"], weights[f"{name}.down.2.bias"], 2, 1)
        table[unet, unet] = layer(attend(x, f"{name}.down.3"), f"{name}.down.4")
        for depth in reversed(range(unet)):
            up = f"{name}.ups.{unet - 1 - depth}"
            dense = [table[other, depth] for other in range(depth, unet)]
            x = functional.conv_transpose2d(
                table[unet, depth + 1], weights[f"{up}.up.weight"], weights[f"{up}.up.bias"], 2, 1
            )
            bottom, right = (dense[0].shape[dim] - x.shape[dim] for dim in (2, 3))
            assert {bottom, right} <= {0, 1}
            x = torch.cat([functional.pad(x, (0, right, 0, bottom)), *dense], 1)
            x = layer(attend(x, f"{up}.fusion.0"), f"{up}.fusion.1").relu()
            table[unet, depth] = layer(attend(x, f"{up}.fusion.3"), f"{up}.fusion.4")
        images.append(image + layer(attend(table[unet, 0], f"outs.{unet - 1}.0"), f"outs.{unet - 1}.1"))
    return images


@pytest.mark.parametrize("size", [(32, 32), (13, 19), (1, 1), (2, 33)])
@pytest.mark.parametrize("attention", [False, True])
@torch.no_grad()
def test_exits_are_those_of_the_reference(attention: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = RBQE(channels=4, attention=attention)
    image = torch.rand(2, 3, *size)
    expected = reference(network, image, attention)
    images = list(network.exit_images(image))
    torch.testing.assert_close(images, expected)
    assert torch.equal(network(image), images[-1])


@torch.no_grad()
def test_a_single_exit_is_the_last_of_five() -> None:
    torch.manual_seed(0)
    five, single = RBQE(channels=4), RBQE(channels=4, exits=1)
    state = five.state_dict()
    outs = {name: state.pop(name) for name in list(state) if name.startswith("outs.")}
    last = {name.replace("outs.4", "outs.0"): tensor for name, tensor in outs.items() if name.startswith("outs.4")}
    single.load_state_dict(state | last)
    image = torch.rand(1, 3, 9, 10)
    assert torch.equal(single(image), five(image))
    assert len(list(single.exit_images(image))) == 1


def test_attention_by_hand() -> None:
    attention = EfficientChannelAttention()
    nn.init.constant_(attention.mix.weight, 1)
    features = torch.tensor([1.0, 2.0, -1.0]).view(1, 3, 1, 1).repeat(1, 1, 2, 2)
    weights = torch.sigmoid(torch.tensor([3.0, 2.0, 1.0])).view(1, 3, 1, 1)
    torch.testing.assert_close(attention(features), features * weights)


@pytest.mark.parametrize("leaves_at", [1, 2, 3, 4, 5])
@torch.no_grad()
def test_leaves_at_the_first_good_image_and_computes_no_more(leaves_at: int) -> None:
    torch.manual_seed(0)
    network = RBQE(channels=4)
    ran: list[int] = []
    for number, unet in enumerate(network.unets, 1):
        unet.register_forward_hook(lambda *_, number=number: ran.append(number))
    judged = count(1)
    image = torch.rand(1, 3, 16, 16)
    left = network.leave_early(image, lambda _: next(judged) == leaves_at)
    assert left.number == leaves_at
    assert ran == list(range(1, leaves_at + 1))
    # The last image is not judged.
    assert next(judged) == min(leaves_at, 4) + 1
    assert torch.equal(left.image, list(network.exit_images(image))[leaves_at - 1])


@torch.no_grad()
def test_a_higher_threshold_never_leaves_earlier() -> None:
    torch.manual_seed(0)
    network = RBQE(channels=4)
    image = torch.rand(1, 3, 32, 32)
    scores = [QualityGate(8, 0).score(restored) for restored in network.exit_images(image)]
    thresholds = [0.0, *sorted(scores), 2.0]
    exits = [network.leave_early(image, QualityGate(8, threshold)).number for threshold in thresholds]
    assert exits == sorted(exits)
    assert exits[0] == 1
    assert exits[-1] == 5
    for threshold, number in zip(thresholds, exits, strict=True):
        assert number == next((n for n, score in enumerate(scores[:4], 1) if score >= threshold), 5)


def test_several_images_cannot_leave_together() -> None:
    with pytest.raises(ValueError, match="got a batch of 2; give them one by one"):
        RBQE(channels=2).leave_early(torch.rand(2, 3, 8, 8), lambda _: True)


@pytest.mark.parametrize("exits", [0, 6])
def test_no_other_number_of_exits(exits: int) -> None:
    with pytest.raises(ValueError, match=f"RBQE with levels=5 has 1 to 5 exits, got exits={exits}"):
        RBQE(channels=2, exits=exits)
