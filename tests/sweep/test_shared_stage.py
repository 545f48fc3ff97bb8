import pytest

from biasgan.sweep.shared_stage import pixel_stage_key

from ..composer import Composer


@pytest.mark.parametrize(
    "options",
    [
        "method=full",
        "method=divergence callbacks.divergence_regularizer.weight=0.5",
        "discriminator=vgg",
        "training.schedule.learning_rate=0.01",
        "training.weights.adversarial=0.3",
        "init_discriminator_from=bundled",
    ],
)
def test_what_concerns_the_adversarial_stage_alone_shares_the_pixel_stage(composed: Composer, options: str) -> None:
    one, other = composed("method=vanilla"), composed("method=vanilla", *options.split())
    assert pixel_stage_key(one) == pixel_stage_key(other) is not None


@pytest.mark.parametrize(
    "options",
    [
        "seed=1", "qf=30", "codec=webp", "generator=arcnn", "batch_size=4", "iterations=500", "pretrain_iterations=7",
        "ema_decay=0.5", "trainer=cpu", "trainer.precision=32-true", "accumulate=2", "init_from=bundled-pixel",
        "recipe.pretrain_schedule.demo.learning_rate=0.01", "baseline=esrgan", "pairs.bad_images=skip",
    ],
)  # fmt: skip
def test_all_else_does_not(composed: Composer, options: str) -> None:
    base = ("trainer=cpu",) if options.startswith("trainer.") else ()
    assert pixel_stage_key(composed(*base)) != pixel_stage_key(composed(*base, options))


@pytest.mark.parametrize("options", ["pretrain_iterations=0", "baseline=arcnn", "trainer.max_steps=400"])
def test_trainings_of_one_stage_have_none_to_share(composed: Composer, options: str) -> None:
    assert pixel_stage_key(composed(options)) is None
