"""Each game between generator and discriminator, against the published formula written the obvious way."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.losses.adversarial import AdversarialLoss, HingeLoss, LeastSquaresLoss, R3Loss
from biasgan.training.gan import LossWeights

from .conftest import MakePairs, make_gan, make_trainer

SGD = partial(torch.optim.SGD, lr=0.1)
GAMMA = 30.0
Formula = Callable[[Tensor, Tensor], Tensor]
GAMES: dict[str, tuple[AdversarialLoss, Formula, Formula, float]] = {
    "hinge": (
        HingeLoss(),
        lambda real, fake: -fake.mean(),
        lambda real, fake: torch.clamp(1 - real, min=0).mean() + torch.clamp(1 + fake, min=0).mean(),
        0,
    ),
    "least squares": (
        LeastSquaresLoss(),
        lambda real, fake: ((fake - 1) ** 2).mean() / 2,
        lambda real, fake: ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
        0,
    ),
    "r3gan": (
        R3Loss(GAMMA),
        lambda real, fake: functional.softplus(real - fake).mean(),
        lambda real, fake: functional.softplus(fake - real).mean(),
        GAMMA,
    ),
}


@pytest.mark.parametrize("game", GAMES)
def test_a_step_is_that_of_the_formula(make_pairs: MakePairs, game: str) -> None:
    loss, generators, discriminators, gamma = GAMES[game]
    gan = make_gan(
        iterations=2, adversarial_loss=loss, optimizer=SGD, weights=LossWeights(pixel=1, perceptual=0, adversarial=1)
    )
    gan.discriminator = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))
    generator, discriminator = copy.deepcopy(gan.generator), copy.deepcopy(gan.discriminator)
    pairs = make_pairs(iterations=2)
    make_trainer(max_steps=2, validate_every=100).fit(gan, datamodule=pairs)

    pairs.trainer = None
    for batch in pairs.train_dataloader():
        compressed, original, _ = pairs.on_after_batch_transfer(batch, 0)
        restored = generator(compressed)
        judged = discriminator(original), discriminator(restored)
        pays = functional.l1_loss(restored, original) + generators(*judged)
        by_generator = torch.autograd.grad(pays, list(generator.parameters()))
        sides = [image.detach().requires_grad_() for image in (original, restored)]
        pays = discriminators(*(discriminator(side) for side in sides))
        for side in sides:
            # One image at a time, its score being the mean of its logits.
            for image in side.split(1):
                (slope,) = torch.autograd.grad(discriminator(image).mean(), image, create_graph=True)
                pays = pays + gamma / 2 * slope.square().sum() / len(side)
        by_discriminator = torch.autograd.grad(pays, list(discriminator.parameters()))
        with torch.no_grad():
            for network, gradients in ((generator, by_generator), (discriminator, by_discriminator)):
                for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                    parameter -= 5e-4 * gradient
    for ours, other in ((gan.generator, generator), (gan.discriminator, discriminator)):
        for parameter, expected in zip(ours.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(parameter, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("game", GAMES)
def test_losses_are_those_of_the_formulas_for_any_logits(game: str) -> None:
    """Beyond the margins too, where a generator's hinge would have no slope."""
    loss, generators, discriminators, _ = GAMES[game]
    original, restored = 3 * torch.randn(2, 64, 1, generator=torch.Generator().manual_seed(0))
    assert loss.generator(original, restored).item() == pytest.approx(generators(original, restored).item())
    pays = sum(loss.discriminator(original, restored), torch.zeros(()))
    assert pays.item() == pytest.approx(discriminators(original, restored).item())


def test_a_penalty_is_reported(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=1, adversarial_loss=R3Loss(GAMMA))
    make_trainer(max_steps=1, validate_every=100).fit(gan, datamodule=make_pairs(iterations=1))
    assert gan.latest["discriminator/gradient_penalty"] > 0


def test_scores_are_in_the_range_of_realism() -> None:
    logits = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])
    assert HingeLoss.score(logits).tolist() == [0, 0, 0.5, 1, 1]
    assert LeastSquaresLoss.score(logits).tolist() == [0, 0, 0, 1, 1]
    assert torch.equal(R3Loss.score(logits), logits)
    assert R3Loss.relativistic


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match="gamma, the weight of a gradient penalty, must be at least 0; got -1"):
        R3Loss(-1)
