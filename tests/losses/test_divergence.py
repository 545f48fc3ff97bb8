from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from biasgan.losses.divergence import feature_divergence

LAYERS = {"conv4_4": 1.0, "conv5_4": 0.5}
Per = Literal["sample", "batch", "element"]
EVERY_PER: list[Per] = ["sample", "batch", "element"]


def features(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {layer: torch.randn(3, 4, 5, 6, generator=generator) for layer in LAYERS}


def one_layer(rows: list[list[float]]) -> dict[str, Tensor]:
    return {"conv5_4": torch.tensor(rows)[:, :, None, None]}


# Two samples of two elements. D_CR is 2 and 1, D_CE is 1 and 4: the second sample went too far.
COMPRESSED = one_layer([[7.0, 7.0], [-1.0, -1.0]])
ORIGINAL = one_layer([[11.0, 7.0], [0.0, -2.0]])
RESTORED = one_layer([[7.0, 9.0], [4.0, -4.0]])


@pytest.mark.parametrize(("per", "expected"), [("sample", (1 + 0) / 2), ("batch", 0.0), ("element", 4 / 4)])
def test_the_three_comparisons_by_hand(per: Per, expected: float) -> None:
    assert feature_divergence(RESTORED, ORIGINAL, COMPRESSED, {"conv5_4": 1.0}, per).item() == expected


def test_default_is_per_sample() -> None:
    assert feature_divergence(RESTORED, ORIGINAL, COMPRESSED, {"conv5_4": 1.0}).item() == 0.5


def test_gradient_by_hand_pushes_away_from_compressed_only_the_sample_that_is_too_near() -> None:
    restored = {"conv5_4": RESTORED["conv5_4"].clone().requires_grad_()}
    feature_divergence(restored, ORIGINAL, COMPRESSED, {"conv5_4": 1.0}).backward()
    gradient = restored["conv5_4"].grad
    assert gradient is not None
    assert gradient.flatten(1).tolist() == [[0, -0.25], [0, 0]]


@pytest.mark.parametrize("per", EVERY_PER)
def test_equals_d_cr_where_restored_is_compressed(per: Per) -> None:
    compressed, original = features(0), features(1)
    expected = sum(weight * (original[x] - compressed[x]).abs().mean().item() for x, weight in LAYERS.items())
    loss = feature_divergence(compressed, original, compressed, LAYERS, per)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("per", EVERY_PER)
def test_zero_with_zero_gradient_where_restored_is_original(per: Per) -> None:
    compressed, original = features(0), features(1)
    restored = {layer: values.clone().requires_grad_() for layer, values in original.items()}
    loss = feature_divergence(restored, original, compressed, LAYERS, per)
    loss.backward()
    assert loss.item() == 0
    for values in restored.values():
        assert values.grad is not None
        assert values.grad.abs().max() == 0


@pytest.mark.parametrize("per", EVERY_PER)
def test_zero_with_zero_gradient_where_restored_is_farther_than_original(per: Per) -> None:
    compressed, original = features(0), features(1)
    restored = {
        layer: (compressed[layer] - 1.1 * (original[layer] - compressed[layer])).requires_grad_() for layer in LAYERS
    }
    loss = feature_divergence(restored, original, compressed, LAYERS, per)
    loss.backward()
    assert loss.item() == 0
    for values in restored.values():
        assert values.grad is not None
        assert values.grad.abs().max() == 0


@pytest.mark.parametrize("per", EVERY_PER)
def test_gradient_goes_to_restored_alone(per: Per) -> None:
    sets = [{layer: values.requires_grad_() for layer, values in features(seed).items()} for seed in range(3)]
    compressed, original, restored = sets
    with torch.no_grad():
        for layer in LAYERS:
            restored[layer].copy_(compressed[layer] + 0.5 * (original[layer] - compressed[layer]))
    feature_divergence(restored, original, compressed, LAYERS, per).backward()
    for layer in LAYERS:
        gradient = restored[layer].grad
        assert gradient is not None
        assert gradient.abs().max() > 0
        assert original[layer].grad is None
        assert compressed[layer].grad is None


def test_hinge_is_per_layer_before_the_weighted_sum() -> None:
    near = {"conv4_4": RESTORED["conv5_4"][:1], "conv5_4": RESTORED["conv5_4"][1:]}
    original = {"conv4_4": ORIGINAL["conv5_4"][:1], "conv5_4": ORIGINAL["conv5_4"][1:]}
    compressed = {"conv4_4": COMPRESSED["conv5_4"][:1], "conv5_4": COMPRESSED["conv5_4"][1:]}
    assert feature_divergence(near, original, compressed, {"conv4_4": 3.0, "conv5_4": 2.0}).item() == 3 * 1 + 2 * 0


def test_float32_whatever_comes() -> None:
    compressed, original, restored = ({"conv5_4": features(seed)["conv5_4"].bfloat16()} for seed in range(3))
    loss = feature_divergence(restored, original, compressed, {"conv5_4": 1.0}, "element")
    compressed, original, restored = (half["conv5_4"].double() for half in (compressed, original, restored))
    expected = ((original - compressed).abs() - (restored - compressed).abs()).relu().mean().item()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_unknown_comparison_is_refused() -> None:
    per: Any = "image"
    with pytest.raises(ValueError, match="per 'sample', 'batch' or 'element', got 'image'"):
        feature_divergence(RESTORED, ORIGINAL, COMPRESSED, {"conv5_4": 1.0}, per)
