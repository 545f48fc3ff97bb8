import copy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from biasgan.data.dataset import Pair
from biasgan.losses.adversarial import AdversarialLoss, Outcome, RelativisticAverageLoss, VanillaAdversarialLoss
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.runs.log import read_log
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.callbacks.ema import EMA
from biasgan.training.fidelity import NonFiniteLossError
from biasgan.training.gan import LossWeights, RestorationGAN
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.divergence_regularizer import DivergenceRegularizer
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.numbers import check_layers
from biasgan.training.schedule import Constant
from biasgan.training.step import Step

from .conftest import LAYERS, MakePairs, make_gan, make_trainer
from .straightforward import StraightforwardGAN

SGD = partial(torch.optim.SGD, lr=0.1)


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(one: Mapping[str, Tensor], other: Mapping[str, Tensor], tolerance: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("relativistic", [False, True])
@pytest.mark.parametrize("mitigated", [False, True])
def test_steps_equal_the_straightforward_ones(
    make_pairs: MakePairs, tmp_path: Path, relativistic: bool, mitigated: bool
) -> None:
    """Shared passes change neither losses nor weights. Without spectral norm, whose power iterations they save."""
    gan = make_gan(
        iterations=4,
        in_channels=6 if mitigated else 3,
        adversarial_loss=RelativisticAverageLoss() if relativistic else VanillaAdversarialLoss(),
        optimizer=SGD,
    )
    gan.discriminator = nn.Sequential(
        nn.Conv2d(6 if mitigated else 3, 8, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3)
    )
    pairs = make_pairs(iterations=4)
    generator, discriminator = copy.deepcopy(gan.generator), copy.deepcopy(gan.discriminator)
    reference = StraightforwardGAN(
        generator,
        discriminator,
        gan.features,
        (torch.optim.SGD(generator.parameters(), lr=5e-4), torch.optim.SGD(discriminator.parameters(), lr=5e-4)),
        gan.weights,
        LAYERS,
        relativistic=relativistic,
        conditional=mitigated,
        divergence=0.1 if mitigated else 0.0,
    )
    mitigations = (ConditionalDiscriminator(), DivergenceRegularizer(0.1, LAYERS)) if mitigated else ()
    log = CSVLog(tmp_path / "log.csv")
    make_trainer(*mitigations, loggers=(log,), max_steps=4).fit(gan, datamodule=pairs)

    rows = [row for row in read_log(log.path) if "generator/pixel" in row]
    pairs.trainer = None
    for row, batch in zip(rows, pairs.train_dataloader(), strict=True):
        compressed, original, _ = pairs.on_after_batch_transfer(batch, 0)
        for name, value in reference.iterate(compressed, original).items():
            assert row[name] == pytest.approx(value, rel=1e-5, abs=1e-8), name
    assert_same(weights_of(gan.generator), weights_of(generator), 1e-6)
    assert_same(weights_of(gan.discriminator), weights_of(discriminator), 1e-6)


def test_one_batch_is_one_iteration(make_pairs: MakePairs, tmp_path: Path) -> None:
    gan = make_gan(iterations=9, pretrain_iterations=4)
    log = CSVLog(tmp_path / "log.csv")
    trainer = make_trainer(loggers=(log,), max_steps=9, validate_every=3)
    trainer.fit(gan, datamodule=make_pairs(iterations=9))
    rows = read_log(log.path)
    assert trainer.global_step == gan.iteration == 9
    assert [row["iteration"] for row in rows if "generator/pixel" in row] == list(range(1, 10))
    assert [row["iteration"] for row in rows if "discriminator/original" in row] == [5, 6, 7, 8, 9]
    assert [row["iteration"] for row in rows if "valid/psnr" in row] == [3, 6, 9]


def test_the_discriminator_is_untouched_in_the_pixel_stage(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=9, pretrain_iterations=6)
    before = weights_of(gan.discriminator)
    make_trainer(max_steps=6).fit(gan, datamodule=make_pairs(iterations=9))
    assert_same(before, weights_of(gan.discriminator))

    gan = make_gan(iterations=7, pretrain_iterations=6)
    make_trainer(max_steps=7).fit(gan, datamodule=make_pairs(iterations=7))
    after = weights_of(gan.discriminator)
    assert any(not torch.equal(before[name], after[name]) for name in before)


class Watch(Mitigation):
    """Looks at the networks after the generator's and after the discriminator's backward pass."""

    def __init__(self, gan: RestorationGAN) -> None:
        self.calls: list[tuple[int, bool]] = []
        self.discriminator_grads: list[bool] = []
        gan.features.register_forward_pre_hook(self.count)
        backward = gan.manual_backward

        def manual_backward(*args: object, **kwargs: object) -> None:
            self.discriminator_grads.append(any(p.grad is not None for p in gan.discriminator.parameters()))
            backward(*args, **kwargs)  # pyright: ignore[reportArgumentType]
            self.discriminator_grads.append(any(p.grad is not None for p in gan.discriminator.parameters()))

        gan.manual_backward = manual_backward  # pyright: ignore[reportAttributeAccessIssue]

    def count(self, module: nn.Module, inputs: tuple[Tensor]) -> None:
        self.calls.append((len(inputs[0]), torch.is_grad_enabled()))


@pytest.mark.parametrize(
    ("mitigations", "expected"),
    [((), {(4, True), (4, False)}), ((DivergenceRegularizer(0.1, LAYERS),), {(4, True), (8, False)})],
)
def test_one_pass_of_vgg_with_gradient_and_one_without(
    make_pairs: MakePairs, mitigations: tuple[Mitigation, ...], expected: set[tuple[int, bool]]
) -> None:
    gan = make_gan(iterations=1)
    watch = Watch(gan)
    make_trainer(watch, *mitigations, max_steps=1, validate_every=100).fit(gan, datamodule=make_pairs(iterations=1))
    assert len(watch.calls) == 2
    assert set(watch.calls) == expected


def test_the_generators_step_computes_no_gradient_of_the_discriminator(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=1)
    watch = Watch(gan)
    make_trainer(watch, max_steps=1).fit(gan, datamodule=make_pairs(iterations=1))
    assert watch.discriminator_grads == [False, False, False, True]


@pytest.mark.parametrize("accumulate", [2, 4])
@pytest.mark.parametrize("loss", [VanillaAdversarialLoss(), RelativisticAverageLoss()])
def test_accumulation_gives_the_gradient_of_the_batch(
    make_pairs: MakePairs, tmp_path: Path, accumulate: int, loss: AdversarialLoss
) -> None:
    weights = LossWeights(pixel=1.0, perceptual=1.0, adversarial=1.0)
    whole, cut = (
        make_gan(iterations=3, optimizer=SGD, accumulate=n, adversarial_loss=loss, weights=weights)
        for n in (1, accumulate)
    )
    for gan in (whole, cut):
        gan.discriminator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))
        torch.manual_seed(3)
        for parameter in gan.discriminator.parameters():
            nn.init.normal_(parameter, std=0.3)
        gan.schedule = Constant(5e-3)
        trainer = make_trainer(loggers=(CSVLog(tmp_path / f"{gan.accumulate}.csv"),), max_steps=3)
        trainer.fit(gan, datamodule=make_pairs(iterations=3))
        assert trainer.global_step == 3
    assert_same(weights_of(whole), weights_of(cut), 1e-6)
    rows, others = (read_log(tmp_path / f"{n}.csv") for n in (1, accumulate))
    for row, other in zip(rows, others, strict=True):
        assert other == pytest.approx(row, rel=1e-5)


class Noise(Mitigation):
    """Shows the discriminator candidates with noise."""

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        return image + 0.1 * torch.randn_like(image)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_pass_that_looks_at_the_whole_batch_first_leaves_no_trace(
    make_pairs: MakePairs, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pass sees the vectors of spectral norm and the noise that it would see without it, and ends with them."""
    gan = make_gan(iterations=1, accumulate=2, adversarial_loss=RelativisticAverageLoss())
    logits: list[list[Tensor]] = []

    def outcome(*both: Tensor) -> Outcome:
        logits.append([each.detach().clone() for each in both])
        return RelativisticAverageLoss().outcome(*both)

    def backward_of(part: Pair, known: Outcome | None) -> dict[str, Tensor]:
        assert known is not None
        return RestorationGAN.backward_of(gan, part, None)

    monkeypatch.setattr(gan.adversarial_loss, "outcome", outcome)
    monkeypatch.setattr(gan, "backward_of", backward_of)
    before = weights_of(gan.discriminator)
    trainer = make_trainer(Noise(), max_steps=1, precision=precision)
    trainer.fit(gan, datamodule=make_pairs(iterations=1))
    batch, *parts = logits
    for whole, *cut in zip(batch, *parts, strict=True):
        assert torch.equal(whole, torch.cat(cut))
    assert any(not torch.equal(before[name], tensor) for name, tensor in gan.discriminator.named_parameters())


def test_a_batch_that_cannot_be_cut_is_refused(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=3, accumulate=3)
    with pytest.raises(ValueError, match=r"batch of 4 cannot be cut into accumulate=3"):
        make_trainer(max_steps=3).fit(gan, datamodule=make_pairs(iterations=3))


def test_clipping_bounds_the_step(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=1, optimizer=SGD, clip_gradients=1e-3)
    before = torch.cat([p.detach().flatten().clone() for p in gan.generator.parameters()])
    make_trainer(max_steps=1).fit(gan, datamodule=make_pairs(iterations=1))
    after = torch.cat([p.detach().flatten() for p in gan.generator.parameters()])
    assert (after - before).norm().item() == pytest.approx(5e-4 * 1e-3, rel=1e-2)


def test_the_second_stage_starts_with_a_fresh_optimizer(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=6, pretrain_iterations=5)
    trainer = make_trainer(max_steps=6)
    trainer.fit(gan, datamodule=make_pairs(iterations=6))
    generator, discriminator = trainer.optimizers
    assert {int(state["step"]) for optimizer in (generator, discriminator) for state in optimizer.state.values()} == {1}


@pytest.mark.parametrize(("pretrain", "term"), [(3, "generator/pixel"), (0, "generator/pixel.*generator/perceptual")])
def test_a_non_finite_loss_stops_with_its_name_and_leaves_the_weights(
    make_pairs: MakePairs, pretrain: int, term: str
) -> None:
    gan = make_gan(iterations=3, pretrain_iterations=pretrain)
    with torch.no_grad():
        next(gan.generator.parameters()).fill_(float("inf"))
    before = weights_of(gan)
    with pytest.raises(NonFiniteLossError, match=rf"Iteration 1: {term} = nan.*last checkpoint is good"):
        make_trainer(max_steps=3).fit(gan, datamodule=make_pairs(iterations=3))
    names = [name for name, _ in gan.named_parameters()]
    assert_same({name: before[name] for name in names}, {name: weights_of(gan)[name] for name in names})


class Pixel(Mitigation):
    """Claims a name that the module uses."""

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        return {"pixel": step.restored.mean()}


@pytest.mark.parametrize(
    ("mitigations", "name"),
    [((Pixel(),), "pixel"), ((DivergenceRegularizer(0.1, LAYERS), DivergenceRegularizer(0.2, LAYERS)), "divergence")],
)
def test_loss_terms_of_one_name_are_refused(
    make_pairs: MakePairs, mitigations: tuple[Mitigation, ...], name: str
) -> None:
    with pytest.raises(ValueError, match=f"Two loss terms are called '{name}'"):
        make_trainer(*mitigations, max_steps=1).fit(make_gan(iterations=1), datamodule=make_pairs(iterations=1))


def test_the_divergence_term_is_added_with_its_weight(make_pairs: MakePairs, tmp_path: Path) -> None:
    values = []
    for weight in (0.1, 0.2):
        log = CSVLog(tmp_path / f"{weight}.csv")
        trainer = make_trainer(DivergenceRegularizer(weight, LAYERS), loggers=(log,), max_steps=1)
        trainer.fit(make_gan(iterations=1), datamodule=make_pairs(iterations=1))
        values.append(next(row["generator/divergence"] for row in read_log(log.path) if "generator/divergence" in row))
    assert 0 < values[0] == pytest.approx(values[1] / 2, rel=1e-5)


def test_mitigations_change_what_the_discriminator_sees_in_the_trainers_order() -> None:
    gan = make_gan(in_channels=6)
    step = Step(torch.zeros(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), gan.extract)
    seen: list[Tensor] = []
    gan.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    gan.trainer = make_trainer(ConditionalDiscriminator())
    gan.discriminate(step.original, step)
    assert torch.equal(seen[0], torch.cat([step.compressed, step.original], 1))


def test_iterations_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pretrain_iterations=5 are part of iterations=3"):
        make_gan(iterations=3, pretrain_iterations=5)


def test_a_gan_with_batch_norm_trains(make_pairs: MakePairs) -> None:
    gan = make_gan(iterations=2, adversarial_loss=RelativisticAverageLoss())
    gan.discriminator = VGGDiscriminator(channels=4, size=64)
    pairs = make_pairs(iterations=2, patch_size=64)
    make_trainer(max_steps=2).fit(gan, datamodule=pairs)
    batches = gan.discriminator.state_dict()["bn0_1.num_batches_tracked"]
    assert batches == 4  # originals and restored apart, once each an iteration


def test_batch_splits_keep_pairs_together() -> None:
    gan = make_gan(accumulate=2)
    batch = Pair(torch.arange(4.0), torch.arange(4.0) + 10, torch.arange(4))
    parts = list(gan.parts(batch))
    assert [part.index.tolist() for part in parts] == [[0, 1], [2, 3]]
    assert torch.equal(parts[1].original - parts[1].compressed, torch.tensor([10.0, 10.0]))


class Late(Mitigation):
    """Fails in the first adversarial iteration."""

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        return {"late": step.restored_features["conv5_4"].mean()}


def test_a_rehearsal_shows_what_would_fail_later_and_changes_nothing() -> None:
    gan = make_gan(pretrain_iterations=5, adversarial_loss=RelativisticAverageLoss())
    gan.trainer = make_trainer(DivergenceRegularizer(0.1, LAYERS))
    gan.discriminator.eval()
    before, random = weights_of(gan), torch.get_rng_state()
    gan.rehearse(32)
    assert_same(before, weights_of(gan))
    assert torch.equal(random, torch.get_rng_state())
    assert gan.generator.training
    assert not gan.discriminator.training
    assert all(parameter.grad is None for parameter in gan.parameters())

    for mitigation, message in (
        (Late(), r"would fail on patches of 32 pixels.* KeyError: 'conv5_4'"),
        (ConditionalDiscriminator(), r"is shown 6 channels \(3 .* 3 of Cond.*in_channels=6"),
        (Pixel(), r"Two loss terms are called 'pixel'"),
    ):
        gan.trainer = make_trainer(mitigation)
        with pytest.raises(ValueError, match=message):
            gan.rehearse(32)
    pixel = make_gan(iterations=5, pretrain_iterations=5)
    pixel.trainer = make_trainer(Late())
    pixel.rehearse(32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_gan(clip_gradients=-1), "clip_gradients is a largest norm, above 0, or null for none; got -1"),
        (lambda: make_gan(log_every=0), "log_every must be at least 1, or null for the usual; got 0"),
        (lambda: LossWeights(1, -1, 1), "training.weights.perceptual must be a number from 0 on; got -1"),
        (lambda: EMA(1.5), "ema_decay must be a number from 0 to 1; got 1.5"),
        (
            lambda: DivergenceRegularizer(-0.1, LAYERS),
            "weight of the divergence regulariser must be a number from 0 on",
        ),
        (
            lambda: DivergenceRegularizer(0.1, LAYERS, cast(Any, "pixel")),
            "opens per sample, batch or element; got 'pixel'",
        ),
        (lambda: BiasMonitor(LAYERS, 0), "at least one patch of a pixel; got 16 of 0"),
        (
            lambda: check_layers("x", {"conv5_4": 1}, make_gan().features),
            "x must name layers .* conv1_2, conv2_2; got ",
        ),
        (lambda: check_layers("x", {}, make_gan().features), "got none"),
        (lambda: check_layers("x", {"conv1_2": -1}, make_gan().features), "x.conv1_2 must be a number from 0 on"),
    ],
)
def test_numbers_out_of_their_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_layers_that_the_regulariser_alone_wants_are_checked_at_the_start(make_pairs: MakePairs) -> None:
    for callback in (DivergenceRegularizer(0.1, {"conv5_4": 1.0}), BiasMonitor({"conv5_4": 1.0}, 32)):
        with pytest.raises(
            ValueError, match=r"layers must name layers that the feature network gives, conv1_2, conv2_2"
        ):
            make_trainer(callback).fit(make_gan(), datamodule=make_pairs())
