"""Trainings as the command makes them, on random crops: for benchmarks of their steps and checkpoints."""

import time
import warnings
from tempfile import gettempdir
from typing import Any, NamedTuple

import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import open_dict, read_write
from torch.utils.data import DataLoader, TensorDataset

from biasgan.cli.config import CONF, plain, register_resolvers
from biasgan.data.dataset import Pair
from biasgan.runs.build import build
from biasgan.system.memory import keep_freed_memory
from biasgan.training.fidelity import FidelityRestoration

CALLBACKS = ("progress", "interrupt", "checkpoints", "curves", "previews", "bias_monitor")
"""What writes and draws, and is left out."""


class Trained(NamedTuple):
    """A short training, with the seconds of its iterations but for the first."""

    trainer: Trainer
    seconds: list[float]


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


def composed(*options: str) -> dict[str, Any]:
    """The configuration of a training with these options."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [*options, "features.weights=random", "logger=none"], return_hydra_config=True)
    with read_write(config), open_dict(config):
        config.hydra.runtime.output_dir = gettempdir()
        HydraConfig.instance().set_config(config)
        del config["hydra"]
    return plain(config)


def train(iterations: int, images: int, *options: str) -> Trained:
    """Train for some iterations of some random crops."""
    warnings.filterwarnings("ignore")
    keep_freed_memory()
    config = composed(f"iterations={iterations}", *options)
    callbacks = [build(Callback, node) for name, node in config["callbacks"].items() if name not in CALLBACKS]
    clock = Clock()
    trainer = build(Trainer, config["trainer"], callbacks=[*callbacks, clock], logger=[])
    size = config["patch_size"]
    crops = torch.rand(images, 3, size, size).contiguous(memory_format=torch.channels_last)
    batch = Pair(0.9 * crops, crops, torch.arange(images))
    places = DataLoader(TensorDataset(torch.arange(iterations)), collate_fn=lambda _: batch)
    trainer.fit(build(FidelityRestoration, config["training"]), places)
    return Trained(trainer, clock.seconds)
