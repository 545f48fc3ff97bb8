"""Time of a training iteration beside the straightforward one: `python -m tests.benchmarks.training_step`.

The ways take turns, each time in a fresh process; the medians are printed.
"""

import argparse
import copy
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MetricCollection

from biasgan.data.dataset import Pair
from biasgan.losses.adversarial import RelativisticAverageLoss, VanillaAdversarialLoss
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.system.memory import keep_freed_memory
from biasgan.training.callbacks.ema import EMA
from biasgan.training.gan import LossWeights, RestorationGAN
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.divergence_regularizer import DivergenceRegularizer
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.schedule import Constant
from biasgan.training.trainer import restoration_trainer

from ..training.straightforward import StraightforwardGAN
from .configured import Clock

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

WAYS = (
    "straightforward, fp32",
    "shared passes",
    "+ channels_last",
    "+ fused Adam",
    "+ freed memory kept (all of fp32)",
    "+ bf16 (all)",
    "+ compile",
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
        return Pair(compressed.contiguous(memory_format=layout), original.contiguous(memory_format=layout), index)

    trainer.fit(gan, DataLoader(data, batch_size=setting.batch, collate_fn=collate))
    return clock.seconds


def straightforward(setting: Setting, mitigated: bool, iterations: int, device: str) -> list[float]:
    """Seconds of iterations as BasicSR has them: a pass for every use, fp32, contiguous memory, plain Adam, EMA."""
    parts = make_parts(setting, mitigated)
    generator, discriminator = parts.generator.to(device), parts.discriminator.to(device)
    optimizers = tuple(torch.optim.Adam(m.parameters(), 1e-4, betas=(0.9, 0.99)) for m in (generator, discriminator))
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


def measure(setting: Setting, way: str, mitigated: bool, iterations: int, device: str) -> list[float]:
    """Seconds of iterations of one way, each of which adds to the one before."""
    if way == WAYS[0]:
        return straightforward(setting, mitigated, iterations, device)
    done = WAYS.index(way)
    if done >= WAYS.index("+ freed memory kept (all of fp32)"):
        keep_freed_memory()
    return ours(
        setting,
        mitigated,
        iterations,
        precision="bf16-mixed" if done >= WAYS.index("+ bf16 (all)") else "32-true",
        channels_last=done >= WAYS.index("+ channels_last"),
        fused=done >= WAYS.index("+ fused Adam"),
        compiled=way == "+ compile",
        accelerator="gpu" if device == "cuda" else "cpu",
    )


def main() -> None:
    """Measure each way in fresh processes, in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--method", choices=("vanilla", "full"), default="vanilla")
    parser.add_argument("--setting", type=int, choices=range(len(SETTINGS)))
    parser.add_argument("--way", choices=WAYS, help="measure this one alone, here, and print its seconds as JSON")
    options = parser.parse_args()
    chosen = range(len(SETTINGS)) if options.setting is None else [options.setting]
    if options.way:
        way = partial(measure, SETTINGS[chosen[0]], options.way, options.method == "full")
        sys.stdout.write(json.dumps(way(options.iterations, options.device)) + "\n")
        return
    ways = WAYS if options.device == "cuda" else WAYS[:-1]
    for number in chosen:
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                arguments = ["--setting", str(number), "--way", way, "--method", options.method]
                arguments += ["--iterations", str(options.iterations), "--device", options.device]
                command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.training_step", *arguments]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
                seconds[way] += json.loads(done.stdout.splitlines()[-1])
        table = Table(title=f"{SETTINGS[number].name}, {options.method}")
        for column in ("", "seconds an iteration", "times as fast"):
            table.add_column(column, justify="left" if not column else "right")
        base = statistics.median(seconds[WAYS[0]])
        for way, values in seconds.items():
            median = statistics.median(values)
            table.add_row(way, f"{median:.3f}", f"{base / median:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
