from pathlib import Path

import pytest
import torch

from biasgan.data.sets import ImageSet
from biasgan.losses.adversarial import RelativisticAverageLoss
from biasgan.runs.folder import RunFolder
from biasgan.runs.log import read_log
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.callbacks.checkpoints import Checkpoints
from biasgan.training.callbacks.ema import EMA
from biasgan.training.callbacks.random_state import RandomState
from biasgan.training.callbacks.run_record import RunRecord
from biasgan.training.gan import RestorationGAN
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.divergence_regularizer import DivergenceRegularizer

from .conftest import LAYERS, MakePairs, make_gan, make_trainer, pairs_of

ITERATIONS = 12


def run(
    folder: Path, make_pairs: MakePairs, stop: int = ITERATIONS, resume: Path | None = None, workers: int = 0
) -> RestorationGAN:
    """Train up to an iteration, with everything that a run has: two stages, both mitigations, averages, logs."""
    gan = make_gan(
        iterations=ITERATIONS, pretrain_iterations=5, in_channels=6, adversarial_loss=RelativisticAverageLoss()
    )
    if resume:
        torch.manual_seed(99)  # what a new process happens to have
    log = CSVLog(folder / "log.csv")
    log.start(torch.load(resume)["global_step"] if resume else 0)
    trainer = make_trainer(
        EMA(0.9),
        RandomState(),
        ConditionalDiscriminator(),
        DivergenceRegularizer(0.1, LAYERS),
        BiasMonitor(LAYERS, 32),
        RunRecord(RunFolder(folder), {"seed": 0}),
        Checkpoints(folder / "checkpoints", every=1),
        loggers=(log,),
        max_steps=stop,
        validate_every=4,
    )
    trainer.fit(gan, datamodule=make_pairs(workers=workers), ckpt_path=resume, weights_only=True)
    assert trainer.global_step == stop
    return gan


def assert_equal(one: object, other: object, where: str = "") -> None:
    """The same tensors and numbers, bit for bit, in nested containers."""
    if isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor), where
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert isinstance(other, dict), where
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple), where
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}/{number}")
    else:
        assert one == other, where


@pytest.fixture(scope="module")
def whole(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, pairs_of(images, folder / "store"))
    return folder


# In the pixel stage, at its end, in the adversarial stage; with a validation at 4 and 8; and workers that read ahead.
@pytest.mark.parametrize(("stop", "workers"), [(3, 0), (4, 0), (5, 0), (7, 0), (8, 2)])
def test_a_resumed_training_equals_an_uninterrupted_one(
    make_pairs: MakePairs, whole: Path, tmp_path: Path, stop: int, workers: int
) -> None:
    run(tmp_path, make_pairs, stop=stop, workers=workers)
    run(tmp_path, make_pairs, resume=tmp_path / "checkpoints/last.ckpt", workers=workers)
    expected, resumed = (torch.load(folder / "checkpoints" / "last.ckpt") for folder in (whole, tmp_path))
    for key in ("state_dict", "optimizer_states", "callbacks", "global_step"):
        assert_equal(expected[key], resumed[key], key)
    assert len(expected["optimizer_states"]) == 2
    logs = [read_log(folder / "log.csv") for folder in (whole, tmp_path)]
    validated_early = [row for row in logs[1] if row["iteration"] == stop and "valid/psnr" in row and stop % 4]
    assert [row for row in logs[0] if "generator/pixel" in row] == [r for r in logs[1] if "generator/pixel" in r]
    # Where it was stopped there is one validation more: the last iteration of a training is always validated.
    assert [r for r in logs[0] if "valid/psnr" in r] == [
        r for r in logs[1] if "valid/psnr" in r and r not in validated_early
    ]


def test_more_iterations_can_be_asked_for_later(make_pairs: MakePairs, tmp_path: Path) -> None:
    run(tmp_path, make_pairs, stop=6)
    gan = run(tmp_path, make_pairs, resume=tmp_path / "checkpoints/last.ckpt", stop=9)
    assert gan.iteration == 9


def test_checkpoints_load_as_plain_weights_without_the_frozen_features(make_pairs: MakePairs, tmp_path: Path) -> None:
    run(tmp_path, make_pairs, stop=6)
    for name in ("last", "best"):
        content = torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert content["config"] == {"seed": 0}
        assert {key.split(".")[0] for key in content["state_dict"]} == {"generator", "discriminator"}
