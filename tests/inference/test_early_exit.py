import copy
from collections.abc import Mapping
from statistics import mean
from typing import Any

import pytest
import torch
from torch import Tensor

from biasgan.codecs.jpeg import JPEG
from biasgan.data.sets import sample
from biasgan.inference.early_exit import EarlyExitRBQE, gate_of, with_early_exit
from biasgan.io.images import read_image, to_tensor
from biasgan.networks.any_size import restore
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.quality_gate import JPEG_GATE, QualityGate
from biasgan.networks.rbqe import RBQE
from biasgan.runs.weights import load_generator, read_config

from .train_rbqe import WEIGHTS

ALWAYS, NEVER = QualityGate(8, 0.0), QualityGate(8, 2.0)


def early(network: RBQE, gate: QualityGate) -> EarlyExitRBQE:
    module = with_early_exit(network.eval(), gate)
    assert isinstance(module, EarlyExitRBQE)
    return module


def trained() -> EarlyExitRBQE:
    network = load_generator(WEIGHTS)
    assert isinstance(network, RBQE)
    assert gate_of(read_config(WEIGHTS)) is JPEG_GATE
    return early(network, JPEG_GATE)


def tiles(quality: int) -> list[tuple[Tensor, Tensor]]:
    """Parts of validation photographs, compressed and original."""
    parts: list[tuple[Tensor, Tensor]] = []
    for photograph in sample().valid:
        original = read_image(photograph)
        images = [to_tensor(image)[None] for image in (JPEG().encode(original, quality).image, original)]
        for top in range(0, original.shape[0] - 95, 128):
            for left in range(0, original.shape[1] - 95, 128):
                one, other = (image[..., top : top + 96, left : left + 96] for image in images)
                parts.append((one, other))
    return parts


def error(image: Tensor, original: Tensor) -> float:
    return (image.clamp(0, 1) - original).square().mean().item()


@torch.inference_mode()
def test_easy_images_leave_earlier_than_hard_ones_once_trained() -> None:
    exits: dict[int, float] = {}
    saved: dict[int, float] = {}
    for quality in (10, 50):
        module = trained()
        images = tiles(quality)
        restored = mean(error(module(compressed), original) for compressed, original in images)
        assert restored < mean(error(compressed, original) for compressed, original in images)
        exits[quality] = mean(exit.number for exit in module.exits)
        saved[quality] = module.saved
    assert exits[50] < exits[10] - 0.5
    assert saved[50] > saved[10] + 0.1


@torch.inference_mode()
def test_the_first_exit_is_for_good_images_and_the_last_for_bad_ones_once_trained() -> None:
    network = trained().network
    for quality, better, worse in ((10, 4, 0), (50, 0, 4)):
        exits = [(list(network.exit_images(compressed)), original) for compressed, original in tiles(quality)]
        errors = [mean(error(images[number], original) for images, original in exits) for number in range(5)]
        assert errors[better] < errors[worse]


@torch.inference_mode()
def test_restores_as_the_network_does_and_says_where_it_left() -> None:
    torch.manual_seed(0)
    network = RBQE(channels=2)
    image = torch.rand(1, 3, 21, 32)
    first, *_, last = network.exit_images(image)
    module = early(network, ALWAYS)
    assert torch.equal(restore(module, image), first)
    module.gate = NEVER
    assert torch.equal(restore(module, image), last)
    assert module.exits == [(1, 21 * 32), (5, 21 * 32)]
    module.exits.clear()
    assert module.saved == 0
    assert module.summary == "exits: 0 at 1, 0 at 2, 0 at 3, 0 at 4, 0 at 5; 0% of the multiply-adds saved"


@torch.inference_mode()
def test_a_copy_reports_to_the_same_list() -> None:
    module = early(RBQE(channels=2), ALWAYS)
    copy.deepcopy(module)(torch.rand(1, 3, 8, 8))
    assert module.exits == [(1, 64)]


@torch.no_grad()
def test_costs_are_counted_multiply_adds() -> None:
    """Of a network of two levels without attention, by hand for each pixel."""
    c = 4
    module = early(RBQE(channels=c, levels=2, exits=2, attention=False), ALWAYS)
    square = 9 * c * c
    start, out = 9 * 3 * c + square, 9 * c * 3
    down = square + 2 * square / 4
    up = square / 4 + 3 * square
    deeper = (square + 2 * square / 4) / 4
    deeper += (square / 4 + 3 * square) / 4 + square / 4 + 4 * square
    first = start + down + up + out
    whole = first + deeper + out
    assert module.costs == pytest.approx([first / whole, 1])


@torch.inference_mode()
def test_savings_are_by_pixels() -> None:
    module = early(RBQE(channels=2, levels=2, exits=2), ALWAYS)
    module(torch.rand(1, 3, 16, 48))
    module.gate = NEVER
    module(torch.rand(1, 3, 16, 16))
    assert module.saved == pytest.approx(0.75 * (1 - module.costs[0]))
    assert module.summary == f"exits: 1 at 1, 1 at 2; {module.saved:.0%} of the multiply-adds saved"


def test_several_images_are_refused() -> None:
    with pytest.raises(ValueError, match="got a batch of 2; give them one by one"):
        early(RBQE(channels=2), ALWAYS)(torch.rand(2, 3, 8, 8))


def test_other_networks_stay_as_they_are() -> None:
    for network in (RBQE(channels=2, exits=1), SRVGGNetCompact(channels=2, convolutions=1)):
        assert with_early_exit(network, JPEG_GATE) is network


@pytest.mark.parametrize("config", [{}, {"codec": None}, {"codec": {}}])
def test_no_gate_without_a_codec(config: Mapping[str, Any]) -> None:
    assert gate_of(config) is None
