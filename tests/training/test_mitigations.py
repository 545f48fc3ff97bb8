from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.divergence_regularizer import DivergenceRegularizer
from biasgan.training.mitigations.mitigation import Mitigation, check_discriminator
from biasgan.training.step import Step

from .conftest import LAYERS, MakePairs, make_fidelity, make_gan, make_trainer


def make_step(in_channels: int = 3) -> Step:
    gan = make_gan(in_channels=in_channels)
    torch.manual_seed(5)
    return Step(*(torch.rand(2, 3, 32, 32) for _ in range(3)), extract=gan.extract)


def test_a_mitigation_changes_nothing_by_itself() -> None:
    step = make_step()
    assert Mitigation().discriminator_input(step.original, step) is step.original
    assert Mitigation().generator_losses(step) == {}


def test_the_condition_comes_first() -> None:
    step = make_step()
    shown = ConditionalDiscriminator().discriminator_input(step.restored, step)
    assert torch.equal(shown[:, :3], step.compressed)
    assert torch.equal(shown[:, 3:], step.restored)


class Brightness(Mitigation):
    """Shows the brightness of the compressed image too."""

    extra_channels = 1

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        return torch.cat([step.compressed.mean(1, keepdim=True), image], 1)


class Silent(Brightness):
    """Does not say that it adds a channel."""

    extra_channels = 0


@pytest.mark.parametrize(
    ("mitigations", "in_channels", "error"),
    [
        (
            [ConditionalDiscriminator()],
            3,
            r"6 channels \(3 of the candidate and 3 of Cond.* discriminator.in_channels=6",
        ),
        ([Brightness()], 3, r"4 channels \(3 of the candidate and 1 of Brightness\).* discriminator.in_channels=4"),
        (
            [Brightness(), ConditionalDiscriminator()],
            6,
            "7 channels .* and 1 of .* and 3 of .* expected input.* to have 6",
        ),
        ([], 6, r"3 channels \(3 of the candidate\) of 32 x 32 pixels, which UNetDiscriminator does not take"),
        ([Silent()], 4, "Silent states extra_channels=0, and makes 4 channels of 3"),
    ],
)
def test_a_discriminator_that_does_not_fit_is_refused_at_the_start(
    make_pairs: MakePairs, mitigations: list[Mitigation], in_channels: int, error: str
) -> None:
    gan = make_gan(pretrain_iterations=11, in_channels=in_channels)
    with pytest.raises(ValueError, match=error):
        make_trainer(*mitigations).fit(gan, datamodule=make_pairs())
    assert gan.trainer.global_step == 0


def linear(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * 32 * 32, 1))


def unshuffled(channels: int) -> nn.Module:
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Dropout2d(), nn.Conv2d(4 * channels, 1, 3))


@pytest.mark.parametrize("make", [linear, unshuffled])
def test_any_discriminator_that_takes_the_channels_of_all_mitigations_serves(
    make_pairs: MakePairs, make: Callable[[int], nn.Module]
) -> None:
    gan = make_gan(iterations=1)
    gan.discriminator = make(7)
    before = [parameter.detach().clone() for parameter in gan.discriminator.parameters()]
    make_trainer(Brightness(), ConditionalDiscriminator(), max_steps=1).fit(gan, datamodule=make_pairs(iterations=1))
    assert all(not torch.equal(*pair) for pair in zip(before, gan.discriminator.parameters(), strict=True))
    gan.discriminator = make(6)
    with pytest.raises(ValueError, match="7 channels"):
        make_trainer(Brightness(), ConditionalDiscriminator(), max_steps=1).fit(gan, datamodule=make_pairs())


class Noise(Mitigation):
    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        return image + torch.randn_like(image)


def test_to_look_whether_a_discriminator_fits_changes_nothing() -> None:
    inner = [UNetDiscriminator(channels=4), nn.BatchNorm2d(1), nn.Dropout()]
    discriminator = nn.Sequential(*inner)
    inner[1].eval()
    before = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    torch.manual_seed(1)
    check_discriminator(discriminator, [Noise()], make_gan().extract, 32)
    state = torch.get_rng_state()
    make_gan()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in discriminator.state_dict().items())
    assert [layer.training for layer in inner] == [True, False, True]


@pytest.mark.parametrize(("per", "accumulate"), [("batch", 2), ("batch", 1), ("sample", 2)])
def test_a_batch_that_is_compared_as_a_whole_is_not_cut(
    make_pairs: MakePairs, per: Literal["batch", "sample"], accumulate: int
) -> None:
    mitigation, gan = DivergenceRegularizer(0.1, LAYERS, per), make_gan(iterations=1, accumulate=accumulate)
    refused = per == "batch" and accumulate > 1
    with pytest.raises(ValueError, match="of which accumulate=2 sees a part") if refused else nullcontext():
        make_trainer(mitigation, max_steps=1).fit(gan, datamodule=make_pairs(iterations=1))


@pytest.mark.parametrize("mitigation", [ConditionalDiscriminator(), DivergenceRegularizer(0.1, LAYERS)])
def test_a_training_without_a_discriminator_is_refused(make_pairs: MakePairs, mitigation: Mitigation) -> None:
    with pytest.raises(ValueError, match=r"no discriminator.*baseline=realesrgan generator=arcnn method=full"):
        make_trainer(mitigation, max_steps=1).fit(make_fidelity(), datamodule=make_pairs())


def test_the_regularizer_pays_nothing_for_an_original() -> None:
    step = make_step()
    regularizer = DivergenceRegularizer(0.1, LAYERS)
    assert regularizer.generator_losses(Step(step.compressed, step.original, step.original, step.extract)) == {
        "divergence": 0
    }
    at_compressed = Step(step.compressed, step.original, step.compressed, step.extract)
    expected = sum(
        weight * (at_compressed.original_features[name] - at_compressed.compressed_features[name]).abs().mean()
        for name, weight in LAYERS.items()
    )
    torch.testing.assert_close(regularizer.generator_losses(at_compressed)["divergence"], 0.1 * expected)
