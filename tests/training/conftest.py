from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from PIL import Image
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

from biasgan.codecs.jpeg import JPEG
from biasgan.data.datamodule import RestorationData
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.sets import ImageSet
from biasgan.losses.adversarial import AdversarialLoss, VanillaAdversarialLoss
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import LossWeights, RestorationGAN
from biasgan.training.schedule import Constant
from biasgan.training.trainer import restoration_trainer

LAYERS = {"conv1_2": 0.5, "conv2_2": 1.0}
MakePairs = Callable[..., RestorationData]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """Eight small pictures with edges and texture, two of them for validation."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(1)
    paths: list[Path] = []
    for number in range(8):
        coarse = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((80, 96), Image.Resampling.BICUBIC)
        noise = random.normal(0, 6, (96, 80, 3))
        paths.append(folder / f"{number}.png")
        Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)).save(paths[-1])
    return ImageSet(train=paths[:6], valid=paths[6:])


@pytest.fixture
def make_pairs(images: ImageSet, tmp_path: Path) -> MakePairs:
    """Makes data modules over the small pictures at JPEG quality 10, all on one store."""
    return pairs_of(images, tmp_path / "store")


def pairs_of(images: ImageSet, store: Path) -> MakePairs:
    """Makes data modules on a store."""
    source = CodedPairs(images, JPEG(), 10, store, workers=0)
    return partial(RestorationData, source=source, patch_size=32, batch_size=4, iterations=12, workers=0)


def make_gan(
    iterations: int = 12,
    pretrain_iterations: int = 0,
    in_channels: int = 3,
    adversarial_loss: AdversarialLoss | None = None,
    optimizer: Callable[..., torch.optim.Optimizer] | None = None,
    weights: LossWeights | None = None,
    accumulate: int = 1,
    clip_gradients: float | None = None,
    log_every: int | None = 1,
) -> RestorationGAN:
    """A small GAN, the same for every call with the same options."""
    torch.manual_seed(7)
    return RestorationGAN(
        generator=SRVGGNetCompact(channels=8, convolutions=2),
        discriminator=UNetDiscriminator(in_channels=in_channels, channels=4),
        optimizer=optimizer or partial(torch.optim.Adam, betas=(0.9, 0.99)),
        pretrain_schedule=Constant(1e-3),
        schedule=Constant(5e-4),
        adversarial_loss=adversarial_loss or VanillaAdversarialLoss(),
        weights=weights or LossWeights(pixel=1.0, perceptual=1.0, adversarial=0.1),
        layers=LAYERS,
        iterations=iterations,
        pretrain_iterations=pretrain_iterations,
        metrics=psnr(),
        features=VGGFeatures(list(LAYERS), "random"),
        accumulate=accumulate,
        clip_gradients=clip_gradients,
        log_every=log_every,
    )


def make_fidelity(iterations: int = 12) -> FidelityRestoration:
    """A small training with the pixel loss alone."""
    torch.manual_seed(7)
    return FidelityRestoration(
        generator=SRVGGNetCompact(channels=8, convolutions=2),
        optimizer=torch.optim.Adam,
        schedule=Constant(1e-3),
        iterations=iterations,
        metrics=psnr(),
        features=VGGFeatures(list(LAYERS), "random"),
        log_every=1,
    )


def psnr() -> MetricCollection:
    """PSNR of each image, then the mean."""
    return MetricCollection({"psnr": PeakSignalNoiseRatio(data_range=1.0, reduction="elementwise_mean", dim=(1, 2, 3))})


def make_trainer(
    *callbacks: Callback,
    loggers: tuple[Logger, ...] = (),
    max_steps: int = 12,
    validate_every: int = 6,
    precision: str = "32-true",
) -> Trainer:
    """A trainer on the CPU."""
    return restoration_trainer(
        max_steps=max_steps,
        val_check_interval=validate_every,
        callbacks=callbacks,
        logger=loggers,
        precision=precision,
        accelerator="cpu",
        devices=1,
    )
