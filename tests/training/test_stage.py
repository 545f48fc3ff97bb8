from pathlib import Path

import pytest

from biasgan.training.callbacks.ema import EMA
from biasgan.training.gan import RestorationGAN
from biasgan.training.schedule import MultiStep
from biasgan.training.stage import Stage

from .conftest import MakePairs, make_fidelity, make_gan, make_trainer


def test_a_stage_counts_from_its_own_beginning_and_keeps_its_last_rate() -> None:
    stage = Stage("a", 10, 4, MultiStep(1.0, [0.5]), iterate=lambda batch: None)
    assert [stage.learning_rate(done) for done in (10, 11, 12, 13, 14, 99)] == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("pretrain", "stages"),
    [
        (0, [("adversarial stage", 0, 6)]),
        (6, [("pixel stage", 0, 6)]),
        (2, [("pixel stage", 0, 2), ("adversarial stage", 2, 4)]),
    ],
)
def test_a_gan_has_the_stages_that_have_iterations(pretrain: int, stages: list[tuple[str, int, int]]) -> None:
    gan = make_gan(iterations=6, pretrain_iterations=pretrain)
    assert [(stage.name, stage.begin, stage.iterations) for stage in gan.stages] == stages
    assert [(stage.name, stage.begin, stage.iterations) for stage in make_fidelity(6).stages] == [("pixel stage", 0, 6)]


def test_the_last_stage_goes_on(make_pairs: MakePairs, tmp_path: Path) -> None:
    gan: RestorationGAN = make_gan(iterations=4, pretrain_iterations=2)
    first = make_trainer(EMA(0.9), max_steps=4)
    first.fit(gan, datamodule=make_pairs(iterations=4))
    first.save_checkpoint(tmp_path / "last.ckpt")
    trainer = make_trainer(EMA(0.9), max_steps=6)
    trainer.fit(gan, datamodule=make_pairs(iterations=6), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert trainer.global_step == 6
    assert gan.stage.name == "adversarial stage"
    assert gan.in_last_stage
    assert not gan.enters_stage
