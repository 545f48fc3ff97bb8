import pytest
import torch

from biasgan.losses.pixel import pixel_loss


def test_mean_absolute_error_by_hand() -> None:
    restored = torch.tensor([0.5, 0.25, 1.0, 0.0]).view(1, 1, 2, 2)
    original = torch.tensor([0.0, 0.5, 1.0, 0.25]).view(1, 1, 2, 2)
    assert pixel_loss(restored, original).item() == 0.25
    assert pixel_loss(original, original).item() == 0


def test_float32_whatever_comes() -> None:
    torch.manual_seed(0)
    restored, original = torch.rand(2, 1, 3, 8, 8, dtype=torch.bfloat16)
    loss = pixel_loss(restored, original)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((restored.double() - original.double()).abs().mean().item(), rel=1e-6)
