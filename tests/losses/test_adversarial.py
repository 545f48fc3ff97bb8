import math

import pytest
import torch
from torch import Tensor

from biasgan.losses.adversarial import AdversarialLoss, RelativisticAverageLoss, VanillaAdversarialLoss

ORIGINAL = [2.0, 0.5]
RESTORED = [-1.0, 2.0]
SHAPES = [(2, 1), (2, 1, 1, 1), (1, 1, 2, 1)]
BOTH: list[AdversarialLoss] = [VanillaAdversarialLoss(), RelativisticAverageLoss()]


def real(logit: float) -> float:
    """Binary cross-entropy of a logit that should be high."""
    return math.log1p(math.exp(-logit))


def fake(logit: float) -> float:
    """Binary cross-entropy of a logit that should be low."""
    return math.log1p(math.exp(logit))


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def logits(shape: tuple[int, ...] = (2, 1)) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor(ORIGINAL).view(shape).requires_grad_(),
        torch.tensor(RESTORED).view(shape).requires_grad_(),
    )


def gradient(tensor: Tensor) -> list[float]:
    assert tensor.grad is not None
    return tensor.grad.flatten().tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_vanilla_by_hand(shape: tuple[int, ...]) -> None:
    loss = VanillaAdversarialLoss()
    original, restored = logits(shape)
    assert loss.generator(original, restored).item() == pytest.approx((real(-1) + real(2)) / 2)
    discriminator = loss.discriminator(original, restored)
    assert discriminator.original.item() == pytest.approx((real(2) + real(0.5)) / 2)
    assert discriminator.restored.item() == pytest.approx((fake(-1) + fake(2)) / 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_relativistic_by_hand(shape: tuple[int, ...]) -> None:
    loss = RelativisticAverageLoss()
    original, restored = logits(shape)
    # The averages are 1.25 for the originals and 0.5 for the restored images.
    less = (fake(2 - 0.5) + fake(0.5 - 0.5)) / 2
    more = (real(-1 - 1.25) + real(2 - 1.25)) / 2
    assert loss.generator(original, restored).item() == pytest.approx((less + more) / 2)
    discriminator = loss.discriminator(original, restored)
    assert discriminator.original.item() == pytest.approx(0.5 * (real(2 - 0.5) + real(0.5 - 0.5)) / 2)
    assert discriminator.restored.item() == pytest.approx(0.5 * (fake(-1 - 1.25) + fake(2 - 1.25)) / 2)


def test_vanilla_gradients_by_hand() -> None:
    loss = VanillaAdversarialLoss()
    original, restored = logits()
    loss.generator(original, restored).backward()
    assert original.grad is None
    assert gradient(restored) == pytest.approx([-sigmoid(1) / 2, -sigmoid(-2) / 2])
    original, restored = logits()
    sum(loss.discriminator(original, restored), torch.zeros(())).backward()
    assert gradient(original) == pytest.approx([-sigmoid(-2) / 2, -sigmoid(-0.5) / 2])
    assert gradient(restored) == pytest.approx([sigmoid(-1) / 2, sigmoid(2) / 2])


def test_relativistic_gradients_by_hand() -> None:
    loss = RelativisticAverageLoss()
    original, restored = logits()
    loss.generator(original, restored).backward()
    assert original.grad is None
    through_average = -(sigmoid(2 - 0.5) + sigmoid(0.5 - 0.5)) / 4
    direct = [-sigmoid(1.25 - logit) / 2 for logit in RESTORED]
    assert gradient(restored) == pytest.approx([(through_average + term) / 2 for term in direct])
    original, restored = logits()
    sum(loss.discriminator(original, restored), torch.zeros(())).backward()
    # Averages of the opposite set are constants to the discriminator.
    assert gradient(original) == pytest.approx([-0.5 * sigmoid(0.5 - logit) / 2 for logit in ORIGINAL])
    assert gradient(restored) == pytest.approx([0.5 * sigmoid(logit - 1.25) / 2 for logit in RESTORED])


@pytest.mark.parametrize("loss", BOTH)
def test_average_over_samples_and_pixels_alike(loss: AdversarialLoss) -> None:
    torch.manual_seed(0)
    original, restored = torch.randn(2, 3, 1, 4, 5)
    as_map = (loss.generator(original, restored), *loss.discriminator(original, restored))
    as_list = (
        loss.generator(original.reshape(-1, 1), restored.reshape(-1, 1)),
        *loss.discriminator(original.reshape(-1, 1), restored.reshape(-1, 1)),
    )
    torch.testing.assert_close(as_map, as_list)


@pytest.mark.parametrize("loss", BOTH)
def test_float32_whatever_comes(loss: AdversarialLoss) -> None:
    torch.manual_seed(0)
    original, restored = torch.randn(2, 64, 1, dtype=torch.bfloat16)
    expected = (
        loss.generator(original.float(), restored.float()),
        *loss.discriminator(original.float(), restored.float()),
    )
    with torch.autocast("cpu", torch.bfloat16):
        result = (loss.generator(original, restored), *loss.discriminator(original, restored))
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("loss", BOTH)
def test_large_logits_stay_finite(loss: AdversarialLoss) -> None:
    original, restored = torch.tensor([[-1000.0]]), torch.tensor([[1000.0]])
    assert all(
        term.isfinite() for term in (loss.generator(restored, original), *loss.discriminator(original, restored))
    )


def test_which_is_relativistic() -> None:
    assert RelativisticAverageLoss.relativistic
    assert not VanillaAdversarialLoss.relativistic
