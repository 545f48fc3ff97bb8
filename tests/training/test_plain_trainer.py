"""Trainings of plain tuples in Lightning's own Trainer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import lightning
import pytest
import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from biasgan import (
    EMA,
    BiasMonitor,
    ConditionalDiscriminator,
    DivergenceRegularizer,
    FidelityRestoration,
    LossWeights,
    MultiStep,
    RestorationGAN,
    SRVGGNetCompact,
    UNetDiscriminator,
    VGGFeatures,
    conditional_input,
    divergence_loss,
    perceptual_loss,
    pixel_loss,
)
from biasgan.data.dataset import Pair, as_pair
from biasgan.runs.build import build
from biasgan.training.agreement import check_strategy
from biasgan.training.realesrgan import LAYERS, usual_features

from ..composer import Composer
from .conftest import LAYERS as SHALLOW
from .conftest import MakePairs, make_trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:The number of training batches",
)


def small_gan(**options: Any) -> RestorationGAN:  # noqa: ANN401 - any of its options
    """A small GAN that has the defaults but for shallow features, the same each time."""
    torch.manual_seed(7)
    generator, discriminator = SRVGGNetCompact(8, 2), UNetDiscriminator(in_channels=6, channels=4)
    features = VGGFeatures(list(SHALLOW), "random")
    return RestorationGAN(generator, discriminator, layers=SHALLOW, features=features, **options)


def plain(tmp_path: Path, *callbacks: Callback, **options: Any) -> lightning.Trainer:  # noqa: ANN401 - any of its options
    """Lightning's Trainer on the CPU with both mitigations, quiet."""
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    quiet["enable_checkpointing"] = False
    mitigations: list[Callback] = [ConditionalDiscriminator(), DivergenceRegularizer()]
    return lightning.Trainer(callbacks=[*mitigations, *callbacks], default_root_dir=tmp_path, **{**quiet, **options})


def images(count: int = 8, size: int = 32) -> TensorDataset:
    """Tuples of noise and the same with other noise."""
    random = torch.Generator().manual_seed(3)
    original = torch.rand(count, 3, size, size, generator=random)
    noise = 0.1 * torch.rand(original.shape, generator=random)
    return TensorDataset((original + noise).clamp(0, 1), original)


class Batches(Callback):
    """Keeps what the training was given."""

    def __init__(self) -> None:
        self.seen: list[Pair] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        self.seen.append(batch)


def test_the_defaults_are_those_of_the_command_at_the_paper_s_scale(composed: Composer) -> None:
    gan = RestorationGAN(SRVGGNetCompact(8, 2), UNetDiscriminator(6))
    node = composed("baseline=realesrgan", "scale=paper")["training"]
    assert gan.weights == build(LossWeights, node["weights"])
    assert gan.layers == node["layers"]
    assert gan.schedule == build(object, node["schedule"])
    assert gan.pretrain_schedule == build(object, node["pretrain_schedule"])
    assert type(gan.adversarial_loss) is type(build(object, node["adversarial_loss"]))
    options = {name: value for name, value in node["optimizer"].items() if not name.startswith("_")}
    made = gan.configure_optimizers()[0].defaults
    assert {name: list(made[name]) if name == "betas" else made[name] for name in options} == options
    regularizer = composed("method=full", "scale=paper")["callbacks"]["divergence_regularizer"]
    ours = DivergenceRegularizer()
    assert ours.weight == regularizer["weight"]
    ours.setup(make_trainer(), gan, "fit")
    assert ours.layers == regularizer["layers"]


def test_what_a_fidelity_training_has_by_default_is_powerqe_s(composed: Composer) -> None:
    training = FidelityRestoration(SRVGGNetCompact(8, 2))
    node = composed("baseline=dncnn", "scale=paper")["training"]
    assert training.schedule == build(object, node["schedule"])
    made = training.configure_optimizers()[0].defaults
    assert (list(made["betas"]), made["fused"]) == (node["optimizer"]["betas"], node["optimizer"]["fused"])


def test_plain_tuples_train_to_the_same_bits_as_our_own_data(make_pairs: MakePairs, tmp_path: Path) -> None:
    ours, batches = small_gan(iterations=5, pretrain_iterations=2), Batches()
    mitigations = ConditionalDiscriminator(), DivergenceRegularizer(0.1, SHALLOW)
    make_trainer(*mitigations, batches, max_steps=5).fit(ours, datamodule=make_pairs(iterations=5))
    dataset = TensorDataset(
        *(torch.cat([getattr(b, name) for b in batches.seen]) for name in ("compressed", "original"))
    )
    theirs = small_gan(pretrain_iterations=2)
    plain(tmp_path, max_steps=5).fit(theirs, DataLoader(dataset, batch_size=4))
    assert ours.terms == theirs.terms
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


@pytest.mark.parametrize(("length", "iterations"), [({"max_steps": 7}, 7), ({"max_epochs": 2}, 8)])
def test_the_trainer_says_how_long(tmp_path: Path, length: dict[str, int], iterations: int) -> None:
    batches, average = Batches(), EMA(0.9)
    gan = small_gan(schedule=MultiStep(1e-3, [0.5], gamma=0.1))
    trainer = plain(tmp_path, batches, average, **length)
    trainer.fit(gan, DataLoader(images(), batch_size=2))
    assert len(batches.seen) == trainer.global_step == gan.iterations == iterations
    assert gan.terms["learning_rate/discriminator"] == pytest.approx(1e-4)
    weights = dict(gan.generator.named_parameters())
    assert all(torch.equal(weights[name], tensor) for name, tensor in average.average.items())


def test_a_plain_trainer_validates_and_resumes(tmp_path: Path) -> None:
    loaders = DataLoader(images(), batch_size=2), DataLoader(images(2, 40), batch_size=2)
    gan = small_gan()
    trainer = plain(tmp_path, BiasMonitor(SHALLOW, 16), max_epochs=1)
    trainer.fit(gan, *loaders)
    assert gan.latest["valid/psnr"] != gan.latest["valid/compressed_psnr"]
    assert gan.latest["bias/distance_compressed_restored"] > 0
    assert 0 <= gan.latest["bias/realism_restored"] <= 1
    assert trainer.callback_metrics["valid/psnr"] == pytest.approx(gan.latest["valid/psnr"])
    checkpoint = tmp_path / "last.ckpt"
    trainer.save_checkpoint(checkpoint)
    networks = {"generator": SRVGGNetCompact(8, 2), "discriminator": UNetDiscriminator(6, 4)}
    loaded = RestorationGAN.load_from_checkpoint(
        checkpoint, weights_only=True, features=gan.features, layers=SHALLOW, **networks
    )
    assert loaded.latest == gan.latest
    whole, parts = small_gan(), small_gan()
    plain(tmp_path, max_epochs=2).fit(whole, loaders[0])
    plain(tmp_path, max_epochs=2).fit(parts, loaders[0], ckpt_path=checkpoint, weights_only=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, parts.state_dict()[name]), name


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    """Tuples without end."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield torch.rand(3, 32, 32), torch.rand(3, 32, 32)


@pytest.mark.parametrize(
    ("gan", "trainer", "error"),
    [
        (
            {"iterations": 20},
            {"max_steps": 40},
            r"The Trainer is to do 40 iterations \(max_steps=40, max_epochs=-1\), and the training is laid out over "
            "iterations=20. Leave iterations out",
        ),
        ({"iterations": 7}, {"max_epochs": 2}, "is to do 8 iterations .* over iterations=7"),
        ({"pretrain_iterations": 5}, {"max_steps": 4}, "pretrain_iterations=5 are part of iterations=4"),
        ({"iterations": 4, "pretrain_iterations": 5}, {"max_steps": 4}, "pretrain_iterations=5 are part of iterations"),
        ({}, {"max_steps": 1, "precision": "16-true"}, "precision=16-true: fp16 needs one loss scale"),
        ({}, {"max_steps": -1, "max_epochs": -1}, "Nothing says how long this training is to be. Give the Trainer max"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, gan: Any, trainer: Any, error: str) -> None:  # noqa: ANN401 - options
    with pytest.raises(ValueError, match=error):
        plain(tmp_path, **trainer).fit(small_gan(**gan), DataLoader(images(), batch_size=2))


def test_fewer_iterations_than_laid_out_are_a_part_of_the_training(tmp_path: Path) -> None:
    gan = small_gan(iterations=20)
    plain(tmp_path, max_steps=2).fit(gan, DataLoader(images(), batch_size=2))
    assert gan.iteration == 2


def test_data_without_a_length_needs_max_steps(tmp_path: Path) -> None:
    gan = small_gan()
    plain(tmp_path, max_steps=2).fit(gan, DataLoader(Endless(), batch_size=2))
    assert gan.iteration == 2
    with pytest.raises(ValueError, match="Nothing says how long"):
        plain(tmp_path, max_epochs=1).fit(small_gan(), DataLoader(Endless(), batch_size=2))


def test_data_of_fewer_iterations_is_refused(make_pairs: MakePairs) -> None:
    mitigations = ConditionalDiscriminator(), DivergenceRegularizer(0.1, SHALLOW)
    with pytest.raises(ValueError, match=r"is to do 40 iterations .*and the data is of iterations=20"):
        make_trainer(*mitigations, max_steps=40).fit(small_gan(), datamodule=make_pairs(iterations=20))


def test_several_processes_need_ddp_that_bears_a_network_which_rests() -> None:
    strategy = lightning.Trainer(accelerator="cpu", devices=1, strategy="ddp_find_unused_parameters_true").strategy
    check_strategy(strategy)
    with pytest.raises(ValueError, match=r'strategy=ddp: .*strategy="ddp_find_unused_parameters_true", or devices=1'):
        check_strategy(DDPStrategy())


def test_a_discriminator_of_three_channels_is_refused_at_the_first_batch(tmp_path: Path) -> None:
    gan = small_gan()
    gan.discriminator = UNetDiscriminator(channels=4)
    with pytest.raises(ValueError, match=r"6 channels .* of 32 x 32 pixels"):
        plain(tmp_path, max_steps=1).fit(gan, DataLoader(images(), batch_size=2))


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (torch.zeros(1, 3, 8, 8), r"got \(1, 3, 8, 8\) torch.float32"),
        ([torch.zeros(1, 3, 8, 8)] * 3, r"got \(1, 3, 8, 8\) torch.float32, \(1"),
        ([torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9)], r"got .*\(1, 3, 8, 9\)"),
        ([torch.zeros(1, 8, 8, 3)] * 2, r"got \(1, 8, 8, 3\)"),
        ([torch.zeros(1, 3, 8, 8, dtype=torch.uint8)] * 2, r"got \(1, 3, 8, 8\) torch.uint8"),
        ({"lq": torch.zeros(1, 3, 8, 8)}, "got dict"),
        ((), "got nothing"),
    ],
)
def test_other_batches_are_refused(batch: object, error: str) -> None:
    with pytest.raises(ValueError, match=rf"A batch is \(compressed, original\), each \(N, 3, H, W\) .*{error}"):
        as_pair(batch)


@pytest.mark.parametrize("scale", [(255.0, 0.0), (2.0, -1.0)])
def test_images_of_another_range_are_refused(tmp_path: Path, scale: tuple[float, float]) -> None:
    dataset = TensorDataset(*(scale[0] * tensor + scale[1] for tensor in images().tensors))
    with pytest.raises(ValueError, match=r"Images are in \[0, 1\]; the compressed ones of the first batch are in \["):
        plain(tmp_path, max_steps=1).fit(small_gan(), DataLoader(dataset, batch_size=2))


def test_the_functions_give_what_the_callbacks_give(tmp_path: Path) -> None:
    gan, expected = small_gan(), small_gan()
    compressed, original = images(2).tensors
    restored = expected.generator(compressed)

    def loss(image: Tensor, real: bool) -> Tensor:
        logits = cast(nn.Module, expected.discriminator)(conditional_input(image, compressed))
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))

    terms = {
        "generator/pixel": pixel_loss(restored, original),
        "generator/perceptual": perceptual_loss(expected.features(restored), expected.features(original), SHALLOW),
        "generator/divergence": 0.1 * divergence_loss(restored, original, compressed, expected.features, SHALLOW),
        # Spectral norm makes a step for each pass: one of originals, one of restored images.
        "discriminator/original": loss(original, True),
        "generator/adversarial": 0.1 * loss(restored, True),
    }
    plain(tmp_path, max_steps=1).fit(gan, DataLoader(images(2), batch_size=2))
    for name, term in terms.items():
        assert gan.terms[name] == pytest.approx(term.item(), rel=1e-5), name


def test_the_usual_features_are_said_once_to_be_random(capsys: pytest.CaptureFixture[str]) -> None:
    usual_features.cache_clear()
    compressed, original = (tensor[:1] for tensor in images().tensors)
    loss = divergence_loss(compressed, original, compressed)
    same = divergence_loss(compressed, original, compressed, VGGFeatures(list(LAYERS), "random"))
    torch.testing.assert_close(loss, same)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "VGG-19 has random weights" in said[0]
    assert "weights fetch vgg19" in said[0]
    assert divergence_loss(compressed, original, compressed, layers={"conv1_2": 1.0}, per="batch") > 0


def test_features_that_lack_a_layer_are_named() -> None:
    compressed, original = images().tensors
    with pytest.raises(ValueError, match="The divergence is of conv5_4; the features have conv1_2"):
        divergence_loss(compressed, original, compressed, VGGFeatures(["conv1_2"]), {"conv5_4": 1.0})
