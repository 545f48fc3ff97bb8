import pytest
import torch

from biasgan.losses.multi_exit import exit_weights, multi_exit_loss

BEST_TO_WORST = [
    [2, 1, 1, 0.5, 0.5],
    [1, 2, 1, 0.5, 0.5],
    [0.5, 1, 2, 1, 0.5],
    [0.5, 0.5, 1, 2, 1],
    [0.5, 0.5, 1, 1, 2],
]


@pytest.mark.parametrize(("codec", "qualities"), [("jpeg", [50, 40, 30, 20, 10]), ("bpg", [22, 27, 32, 37, 42])])
def test_weights_are_those_of_the_table(codec: str, qualities: list[int]) -> None:
    assert exit_weights(qualities, codec).tolist() == BEST_TO_WORST


@pytest.mark.parametrize(
    ("codec", "quality", "row"),
    [
        *(("jpeg", 100, 0), ("jpeg", 45, 0), ("jpeg", 44, 1), ("jpeg", 16, 3), ("jpeg", 14, 4), ("jpeg", 1, 4)),
        *(("bpg", 0, 0), ("bpg", 24, 0), ("bpg", 25, 1), ("bpg", 39, 3), ("bpg", 40, 4), ("bpg", 51, 4)),
    ],
)
def test_a_quality_in_between_has_the_weights_of_the_nearest(codec: str, quality: int, row: int) -> None:
    assert exit_weights([quality], codec).tolist() == [BEST_TO_WORST[row]]


def test_other_codecs_are_refused() -> None:
    with pytest.raises(ValueError, match="the qualities of jpeg and bpg, not for those of webp"):
        exit_weights([50], "webp")


def test_by_hand() -> None:
    """Two images, two exits: errors of 0.5² and 1², then of 0 and 0.5² on half of the pixels."""
    original = torch.zeros(2, 3, 1, 2)
    first = torch.tensor([0.5, 0.0]).view(2, 1, 1, 1).expand_as(original)
    last = torch.ones_like(original)
    last[1] = torch.tensor([0.5, 0])
    weights = torch.tensor([[2, 0.5], [7, 4]])
    expected = (2 * 0.25 + 0.5 * 1 + 7 * 0 + 4 * 0.125) / 2
    assert multi_exit_loss([first, last], original, weights).item() == expected


def test_gradient_reaches_each_exit_in_proportion_to_its_weight() -> None:
    torch.manual_seed(0)
    original = torch.rand(2, 3, 4, 4)
    weights = exit_weights([50, 10], "jpeg")
    exits = [(original + 0.1).requires_grad_() for _ in range(5)]
    multi_exit_loss(exits, original, weights).backward()
    gradients = torch.stack([image.grad.mean((1, 2, 3)) for image in exits if image.grad is not None], 1)
    torch.testing.assert_close(gradients, weights * gradients[0, 0] / 2)


def test_float32_whatever_comes() -> None:
    torch.manual_seed(0)
    restored, original = torch.rand(2, 1, 3, 8, 8, dtype=torch.bfloat16)
    loss = multi_exit_loss([restored], original, torch.ones(1, 1))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((restored.double() - original.double()).square().mean().item(), rel=1e-6)
