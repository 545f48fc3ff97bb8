import pytest
import torch

from biasgan.losses.perceptual import feature_distance, perceptual_loss

A = {
    "conv1_2": torch.tensor([[1.0, 3.0], [0.0, 0.0]]).view(2, 1, 1, 2),
    "conv2_2": torch.tensor([[[2.0, 2.0], [2.0, 2.0]], [[4.0, 0.0], [0.0, 0.0]]]).view(2, 2, 2, 1),
    "conv3_4": torch.full((2, 1, 1, 1), 100.0),
}
B = {layer: torch.zeros_like(values) for layer, values in A.items()}
LAYERS = {"conv1_2": 0.5, "conv2_2": 10.0}


def test_weighted_sum_of_means_for_each_sample_by_hand() -> None:
    assert feature_distance(A, B, LAYERS).tolist() == [0.5 * 2 + 10 * 2, 0.5 * 0 + 10 * 1]


def test_loss_is_the_mean_over_the_batch() -> None:
    assert perceptual_loss(A, B, LAYERS).item() == (21 + 10) / 2


def test_symmetric_and_zero_for_equal_features() -> None:
    assert torch.equal(feature_distance(A, B, LAYERS), feature_distance(B, A, LAYERS))
    assert feature_distance(A, A, LAYERS).tolist() == [0, 0]


def test_float32_whatever_comes() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(2, 4, 8, 8, dtype=torch.bfloat16)
    distance = feature_distance({"conv1_2": a[None]}, {"conv1_2": b[None]}, {"conv1_2": 1.0})
    assert distance.dtype == torch.float32
    assert distance.item() == pytest.approx((a.double() - b.double()).abs().mean().item(), rel=1e-6)


def test_gradient_is_that_of_the_restored_features() -> None:
    restored = {"conv1_2": A["conv1_2"].clone().requires_grad_()}
    perceptual_loss(restored, {"conv1_2": torch.full((2, 1, 1, 2), 2.0)}, {"conv1_2": 8.0}).backward()
    gradient = restored["conv1_2"].grad
    assert gradient is not None
    assert gradient.flatten(1).tolist() == [[-2, 2], [-2, -2]]
