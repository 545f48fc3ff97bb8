import pytest
import torch

from biasgan.losses.pixel import PixelLoss, charbonnier_loss, pixel_loss


def test_mean_absolute_error_by_hand() -> None:
    restored = torch.tensor([0.5, 0.25, 1.0, 0.0]).view(1, 1, 2, 2)
    original = torch.tensor([0.0, 0.5, 1.0, 0.25]).view(1, 1, 2, 2)
    assert pixel_loss(restored, original).item() == 0.25
    assert pixel_loss(original, original).item() == 0


def test_charbonnier_by_hand() -> None:
    restored, original = torch.tensor([0.75, 0.0]).view(1, 1, 1, 2), torch.tensor([0.35, 0.0]).view(1, 1, 1, 2)
    assert charbonnier_loss(restored, original, epsilon=0.3).item() == pytest.approx((0.5 + 0.3) / 2)
    assert charbonnier_loss(original, original).item() == pytest.approx(1e-6)


def test_charbonnier_is_smooth_where_images_agree() -> None:
    restored = torch.zeros(1, 3, 2, 2, requires_grad=True)
    charbonnier_loss(restored, torch.zeros(1, 3, 2, 2)).backward()
    assert restored.grad is not None
    assert torch.equal(restored.grad, torch.zeros(1, 3, 2, 2))


@pytest.mark.parametrize("function", [pixel_loss, charbonnier_loss])
def test_float32_whatever_comes(function: PixelLoss) -> None:
    torch.manual_seed(0)
    restored, original = torch.rand(2, 1, 3, 8, 8, dtype=torch.bfloat16)
    loss = function(restored, original)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((restored.double() - original.double()).abs().mean().item(), rel=1e-6)
