"""Time of a training iteration beside the straightforward one: `python -m tests.benchmarks.training_step`.

Both see the same pictures, alternate in one run and are given as medians. Options: --rounds, --iterations, --device,
--method, and --setting to choose one of the settings.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MetricCollection

from biasgan.data.pairs import Pair
from biasgan.losses.adversarial import RelativisticAverageLoss, VanillaAdversarialLoss
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.allocator import keep_freed_memory
from biasgan.training.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.divergence_regularizer import DivergenceRegularizer
from biasgan.training.ema import EMA
from biasgan.training.gan import LossWeights, RestorationGAN
from biasgan.training.mitigation import Mitigation
from biasgan.training.schedule import Constant
from biasgan.training.trainer import restoration_trainer
from tests.training.straightforward import StraightforwardGAN

REAL_ESRGAN_LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}


@dataclass(frozen=True)
class Setting:
    """A baseline at a size."""

    name: str
    relativistic: bool
    channels: int
    blocks: int
    patch: int
    batch: int


SETTINGS = (
    Setting("Real-ESRGAN 64/23, patch 128, batch 2", False, 64, 23, 128, 2),
    Setting("Real-ESRGAN 32/4, patch 64, batch 4", False, 32, 4, 64, 4),
    Setting("ESRGAN 32/4, patch 128, batch 2", True, 32, 4, 128, 2),
)


@dataclass
class Parts:
    """Networks and weights of a setting."""

    generator: nn.Module
    discriminator: nn.Module
    features: VGGFeatures
    layers: dict[str, float]
    weights: LossWeights


def make_parts(setting: Setting, mitigated: bool) -> Parts:
    """The same networks for every call."""
    torch.manual_seed(0)
    in_channels = 6 if mitigated else 3
    layers = {"conv5_4": 1.0} if setting.relativistic else REAL_ESRGAN_LAYERS
    return Parts(
        RRDBNet(setting.channels, setting.blocks),
        VGGDiscriminator(in_channels, size=setting.patch) if setting.relativistic else UNetDiscriminator(in_channels),
        VGGFeatures(list(layers), "random"),
        layers,
        LossWeights(0.01, 1.0, 0.005) if setting.relativistic else LossWeights(1.0, 1.0, 0.1),
    )


class Clock(Callback):
    """Seconds of each iteration, the first left out."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.last = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self.last:
            self.seconds.append(now - self.last)
        self.last = now


def ours(
    setting: Setting,
    mitigated: bool,
    iterations: int,
    precision: str,
    channels_last: bool,
    fused: bool,
    compiled: bool,
    accelerator: str,
) -> list[float]:
    """Seconds of iterations of `RestorationGAN`, its moving average among them."""
    parts = make_parts(setting, mitigated)
    gan = RestorationGAN(
        generator=parts.generator,
        discriminator=parts.discriminator,
        optimizer=partial(torch.optim.Adam, betas=(0.9, 0.99), fused=fused),
        pretrain_schedule=Constant(1e-4),
        schedule=Constant(1e-4),
        adversarial_loss=RelativisticAverageLoss() if setting.relativistic else VanillaAdversarialLoss(),
        weights=parts.weights,
        layers=parts.layers,
        iterations=iterations + 1,
        pretrain_iterations=0,
        metrics=MetricCollection({}),
        features=parts.features,
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for network in gan.networks:
        network.to(memory_format=layout)
        if compiled:
            network.compile()
    mitigations: list[Mitigation] = []
    if mitigated:
        mitigations = [ConditionalDiscriminator(), DivergenceRegularizer(0.1, parts.layers)]
    clock = Clock()
    trainer = restoration_trainer(
        max_steps=iterations + 1,
        val_check_interval=10**6,
        callbacks=[EMA(0.999), *mitigations, clock],
        logger=[],
        precision=precision,
        accelerator=accelerator,
        devices=1,
    )
    images = torch.rand(setting.batch * (iterations + 1), 3, setting.patch, setting.patch)
    data = TensorDataset(images.mul(0.9), images, torch.arange(len(images)))

    def collate(samples: list[tuple[torch.Tensor, ...]]) -> Pair:
        compressed, original, index = (torch.stack(tensors) for tensors in zip(*samples, strict=True))
        return Pair(*(image.contiguous(memory_format=layout) for image in (compressed, original)), index)

    trainer.fit(gan, DataLoader(data, batch_size=setting.batch, collate_fn=collate))
    return clock.seconds


def straightforward(setting: Setting, mitigated: bool, iterations: int, device: str) -> list[float]:
    """Seconds of iterations as BasicSR has them: a pass for every use, fp32, contiguous memory, plain Adam, EMA."""
    parts = make_parts(setting, mitigated)
    generator, discriminator = parts.generator.to(device), parts.discriminator.to(device)
    optimizers = tuple(torch.optim.Adam(m.parameters(), 1e-4, (0.9, 0.99)) for m in (generator, discriminator))
    gan = StraightforwardGAN(
        generator,
        discriminator,
        parts.features.to(device),
        (optimizers[0], optimizers[1]),
        parts.weights,
        parts.layers,
        relativistic=setting.relativistic,
        conditional=mitigated,
        divergence=0.1 if mitigated else 0.0,
    )
    average = copy.deepcopy(generator)
    seconds: list[float] = []
    for _ in range(iterations + 1):
        original = torch.rand(setting.batch, 3, setting.patch, setting.patch, device=device)
        start = time.perf_counter()
        gan.iterate(original * 0.9, original)
        with torch.no_grad():
            for old, new in zip(average.parameters(), generator.parameters(), strict=True):
                old.mul_(0.999).add_(new, alpha=0.001)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--method", choices=("vanilla", "full"), default="vanilla")
    parser.add_argument("--setting", type=int, choices=range(len(SETTINGS)))
    options = parser.parse_args()
    mitigated, count = options.method == "full", options.iterations
    accelerator = "gpu" if options.device == "cuda" else "cpu"
    run = partial(ours, mitigated=mitigated, iterations=count, compiled=False, accelerator=accelerator)
    for setting in SETTINGS if options.setting is None else (SETTINGS[options.setting],):
        ways: dict[str, Callable[[], list[float]]] = {
            "straightforward, fp32": lambda s=setting: straightforward(s, mitigated, count, options.device),
            "shared passes": partial(run, setting, precision="32-true", channels_last=False, fused=False),
            "+ channels_last": partial(run, setting, precision="32-true", channels_last=True, fused=False),
            "+ fused Adam (all of fp32)": partial(run, setting, precision="32-true", channels_last=True, fused=True),
            "+ bf16 (all)": partial(run, setting, precision="bf16-mixed", channels_last=True, fused=True),
        }
        if options.device == "cuda":
            ways["+ compile"] = partial(
                run, setting, precision="bf16-mixed", channels_last=True, fused=True, compiled=True
            )
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                seconds[name] += way()
        table = Table(title=f"{setting.name}, {options.method}")
        for column in ("", "seconds an iteration", "times as fast"):
            table.add_column(column, justify="left" if not column else "right")
        base = statistics.median(seconds["straightforward, fp32"])
        for name, values in seconds.items():
            median = statistics.median(values)
            table.add_row(name, f"{median:.3f}", f"{base / median:.2f}")
        Console().print(table)


if __name__ == "__main__":
    keep_freed_memory()
    main()
