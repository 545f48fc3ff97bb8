import pytest
import torch

from biasgan.training.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.divergence_regularizer import DivergenceRegularizer
from biasgan.training.mitigation import Mitigation
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


def test_a_discriminator_without_room_for_the_condition_is_refused(make_pairs: MakePairs) -> None:
    with pytest.raises(ValueError, match=r"6 channels; UNetDiscriminator takes 3. Set discriminator.in_channels=6"):
        make_trainer(ConditionalDiscriminator(), max_steps=1).fit(make_gan(), datamodule=make_pairs())


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
