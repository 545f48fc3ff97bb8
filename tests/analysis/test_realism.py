import math

import pytest
import torch
from torch import nn

from biasgan.analysis.realism import Score, Scores, patch_scores, realism, score_image
from biasgan.losses.adversarial import RelativisticAverageLoss, VanillaAdversarialLoss
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.mitigated_discriminator import MitigatedDiscriminator

PLAIN, RELATIVISTIC = VanillaAdversarialLoss.score, RelativisticAverageLoss.score


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize(
    ("score", "expected"), [(PLAIN, [(0.5 + 0.75) / 2, 0.25]), (RELATIVISTIC, [math.log(3) / 2, -math.log(3)])]
)
def test_one_score_per_patch_of_a_map(score: Score, expected: list[float]) -> None:
    logits = torch.tensor([[0.0, math.log(3)], [-math.log(3), -math.log(3)]])[:, None, None]
    scores = patch_scores(logits, score)
    assert scores.shape == (2,)
    assert scores.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("score", "expected"), [(PLAIN, [0.75, 0.5]), (RELATIVISTIC, [math.log(3), 0.0])])
def test_one_score_per_patch_of_a_single_logit(score: Score, expected: list[float]) -> None:
    assert patch_scores(torch.tensor([[math.log(3)], [0.0]]), score).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("score", [PLAIN, RELATIVISTIC])
def test_scores_are_float32_whatever_comes(score: Score) -> None:
    logits = torch.randn(2, 1, 4, 4, dtype=torch.bfloat16)
    assert torch.equal(patch_scores(logits, score), patch_scores(logits.float(), score))
    assert patch_scores(logits, score).dtype == torch.float32


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


def images(height: int = 70, width: int = 40) -> list[torch.Tensor]:
    """An original, a restored and a compressed image."""
    return list(torch.rand(3, 1, 3, height, width, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("relativistic", [False, True])
@pytest.mark.parametrize("conditional", [False, True])
def test_an_image_is_scored_patch_by_patch(relativistic: bool, conditional: bool) -> None:
    """Once more by hand; a conditional discriminator sees the compressed patch first, in all three cases."""
    discriminator = UNetDiscriminator(in_channels=6 if conditional else 3, channels=4).eval()
    original, restored, compressed = images()
    judge = MitigatedDiscriminator(discriminator, [ConditionalDiscriminator()] if conditional else [])
    scores = score_image(judge, original, restored, compressed, RELATIVISTIC if relativistic else PLAIN, patch_size=32)
    for image, found in ((original, scores.original), (restored, scores.restored), (compressed, scores.compressed)):
        expected: list[float] = []
        for top in (0, 32):
            candidate, condition = (x[..., top : top + 32, :32] for x in (image, compressed))
            shown = torch.cat([condition, candidate], 1) if conditional else candidate
            with torch.no_grad():
                logits = discriminator(shown)
            expected.append((logits if relativistic else logits.sigmoid()).mean().item())
        assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_patches_have_128_pixels_unless_asked_otherwise() -> None:
    discriminator = VGGDiscriminator(channels=4, size=128).eval()
    scores = score_image(MitigatedDiscriminator(discriminator), *images(140, 260), score=RELATIVISTIC)
    assert [score.shape for score in scores] == [(2,)] * 3


def test_a_large_image_is_judged_in_parts_and_in_order() -> None:
    """Patches that each have one colour, more than are judged at once; the discriminator passes it on."""
    colors = torch.linspace(-1, 1, 35)
    image = colors.reshape(5, 7).repeat_interleave(8, 0).repeat_interleave(8, 1).expand(1, 3, 40, 56)
    first = nn.Conv2d(3, 1, 1, bias=False).eval()
    nn.init.constant_(first.weight, 1 / 3)
    judge = MitigatedDiscriminator(first)
    scores = score_image(judge, image, image, image, RELATIVISTIC, patch_size=8)
    assert torch.allclose(scores.original, colors, atol=1e-6)


def test_realism_of_a_folder_is_that_of_all_its_patches() -> None:
    parts = [Scores(*torch.rand(3, count, generator=torch.Generator().manual_seed(count))) for count in (2, 5)]
    joined = Scores.joined(iter(parts))
    assert [score.shape for score in joined] == [(7,)] * 3
    expected = sum(part.restored.sum().item() for part in parts) / 7
    assert realism(*joined, relativistic=False).restored == pytest.approx(expected)
    with pytest.raises(ValueError, match="no scores to join"):
        Scores.joined([])


def test_a_discriminator_in_training_mode_is_refused() -> None:
    judge = MitigatedDiscriminator(VGGDiscriminator(channels=4, size=64))
    with pytest.raises(ValueError, match=r"MitigatedDiscriminator is in training mode; call its eval\(\)"):
        score_image(judge, *images(64, 64), score=PLAIN)
