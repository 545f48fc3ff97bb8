import math

import pytest
import torch

from biasgan.analysis.realism import patch_scores, realism


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize(
    ("relativistic", "expected"), [(False, [(0.5 + 0.75) / 2, 0.25]), (True, [math.log(3) / 2, -math.log(3)])]
)
def test_one_score_per_patch_of_a_map(relativistic: bool, expected: list[float]) -> None:
    logits = torch.tensor([[0.0, math.log(3)], [-math.log(3), -math.log(3)]])[:, None, None]
    scores = patch_scores(logits, relativistic)
    assert scores.shape == (2,)
    assert scores.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("relativistic", "expected"), [(False, [0.75, 0.5]), (True, [math.log(3), 0.0])])
def test_one_score_per_patch_of_a_single_logit(relativistic: bool, expected: list[float]) -> None:
    assert patch_scores(torch.tensor([[math.log(3)], [0.0]]), relativistic).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("relativistic", [False, True])
def test_scores_are_float32_whatever_comes(relativistic: bool) -> None:
    logits = torch.randn(2, 1, 4, 4, dtype=torch.bfloat16)
    assert torch.equal(patch_scores(logits, relativistic), patch_scores(logits.float(), relativistic))
    assert patch_scores(logits, relativistic).dtype == torch.float32


def test_plain_realism_is_the_average() -> None:
    result = realism(torch.tensor([0.5, 1.0]), torch.tensor([0.25, 0.25]), torch.tensor([1.0]), relativistic=False)
    assert result == (0.75, 0.25, 1.0)
    assert (result.original, result.restored, result.compressed) == (0.75, 0.25, 1.0)


def test_relativistic_realism_is_against_the_opposite_set() -> None:
    original, restored = torch.tensor([math.log(3), math.log(7)]) + 5, torch.tensor([6.0, 4.0])
    result = realism(original, restored, torch.tensor([5.0, 5 + math.log(3)]), relativistic=True)
    gap = (math.log(3) + math.log(7)) / 2
    assert result.original == pytest.approx((0.75 + 0.875) / 2)
    assert result.restored == pytest.approx((sigmoid(1 - gap) + sigmoid(-1 - gap)) / 2)
    assert result.compressed == pytest.approx((0.5 + 0.75) / 2)


def test_relativistic_realism_of_indistinguishable_sets_is_one_half() -> None:
    scores = torch.full((3,), 4.0)
    assert realism(scores, scores, scores, relativistic=True) == pytest.approx((0.5, 0.5, 0.5))
