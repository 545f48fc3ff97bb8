import copy

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from biasgan.data.dataset import Pair
from biasgan.training.callbacks.ema import EMA, parameters_of

from ..conftest import MakePairs, make_gan, make_trainer


class Record(Callback):
    """Keeps the generator's parameters of after each iteration and of within each validation."""

    def __init__(self) -> None:
        self.trained: list[dict[str, Tensor]] = []
        self.validated: list[dict[str, Tensor]] = []
        self.after: list[dict[str, Tensor]] = []
        self.starts: list[dict[str, Tensor]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        self.starts.append(copy.deepcopy(parameters_of(pl_module)))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        self.trained.append(copy.deepcopy(parameters_of(pl_module)))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validated.append({name: p.clone() for name, p in parameters_of(pl_module).items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.after.append(copy.deepcopy(parameters_of(pl_module)))


def test_the_average_follows_every_iteration_and_validates(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=8, pretrain_iterations=5)
    expected = copy.deepcopy(parameters_of(gan))
    ema, record = EMA(0.9), Record()
    make_trainer(ema, record, max_steps=8, validate_every=4).fit(gan, datamodule=make_pairs(iterations=8))

    averages: list[dict[str, Tensor]] = []
    for trained in record.trained:
        expected = {name: 0.9 * expected[name] + 0.1 * trained[name] for name in expected}
        averages.append(expected)
    for name in expected:
        torch.testing.assert_close(ema.average[name], expected[name])
        torch.testing.assert_close(record.validated[0][name], averages[3][name])
        assert torch.equal(record.after[0][name], record.trained[-1][name]), "validation changed the generator"
        assert torch.equal(parameters_of(gan)[name], ema.average[name]), "fit leaves another generator"
        torch.testing.assert_close(record.starts[5][name], averages[4][name])
        assert torch.equal(record.starts[6][name], record.trained[5][name])


def test_the_discriminator_and_the_features_are_not_averaged(make_pairs: MakePairs) -> None:
    gan, ema = make_gan(iterations=1), EMA(0.9)
    make_trainer(ema, max_steps=1).fit(gan, datamodule=make_pairs(iterations=1))
    assert ema.average.keys() == dict(gan.generator.named_parameters()).keys()


def test_other_modules_are_refused() -> None:
    with pytest.raises(TypeError, match="serves a FidelityRestoration or RestorationGAN, not a LightningModule"):
        EMA(0.9).on_fit_start(make_trainer(), LightningModule())
