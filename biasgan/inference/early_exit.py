from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from biasgan.codecs.bpg import BPG
from biasgan.codecs.jpeg import JPEG
from biasgan.networks.any_size import SizeNeeds
from biasgan.networks.quality_gate import HEVC_GATE, JPEG_GATE, QualityGate
from biasgan.networks.rbqe import RBQE

GATES = {JPEG: JPEG_GATE, BPG: HEVC_GATE}


class Exit(NamedTuple):
    """Where an image left."""

    number: int
    """Of the exit, from 1."""
    pixels: int
    """Of the image."""


class Exits(list[Exit]):
    """Where images left, in order. Copies of a module have the same one, as a `Restorer` makes one for a device."""

    def __deepcopy__(self, memo: object) -> "Exits":
        return self


class EarlyExitRBQE(nn.Module):
    """RBQE that restores an image, or a tile of one, only as deeply as it needs, and counts where images left.

    Args:
        network: With several exits.
        gate: Judges whether the image of an exit is good enough.

    Attributes:
        exits: Of all images so far; `exits.clear()` begins anew.

    Shape:
        (1, 3, H, W) in [0, 1], any size → same, not clamped.
    """

    def __init__(self, network: RBQE, gate: QualityGate) -> None:
        super().__init__()
        self.network = network
        self.gate = gate
        self.exits = Exits()
        self.multiple_of, self.smallest_side = SizeNeeds.of(network)
        self.alignment = network.alignment

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image of the first exit that is good enough.

        Raises:
            ValueError: If there are several images.
        """
        restored, number = self.network.leave_early(image, self.gate)
        self.exits.append(Exit(number, image[0, 0].numel()))
        return restored

    @cached_property
    def costs(self) -> list[float]:
        """Multiply-adds up to each exit as shares of all, at any size; those of the gate, a thousandth, not counted."""
        # Only here, since it brings Triton.
        from torch.utils.flop_counter import FlopCounterMode

        image = next(self.network.parameters()).new_zeros(1, 3, 64, 64)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            totals = [counter.get_total_flops() for _ in self.network.exit_images(image)]
        return [total / totals[-1] for total in totals]

    @property
    def saved(self) -> float:
        """Share of the multiply-adds that was saved so far, against taking the last exit always."""
        pixels = sum(exit.pixels for exit in self.exits)
        spent = sum(self.costs[exit.number - 1] * exit.pixels for exit in self.exits)
        return 1 - spent / pixels if pixels else 0.0

    @property
    def summary(self) -> str:
        """Exits and savings in a line, for people."""
        counts = Counter(exit.number for exit in self.exits)
        taken = ", ".join(f"{counts[number]} at {number}" for number in range(1, len(self.costs) + 1))
        return f"exits: {taken}; {self.saved:.0%} of the multiply-adds saved"


def with_early_exit(generator: nn.Module, gate: QualityGate) -> nn.Module:
    """An RBQE of several exits as one that leaves early; any other generator as it is.

    Args:
        generator: As `weights.load_generator` loads it.
        gate: See `gate_of`.
    """
    if isinstance(generator, RBQE) and len(generator.outs) > 1:
        return EarlyExitRBQE(generator, gate)
    return generator


def to_the_last_exit(network: nn.Module) -> nn.Module:
    """What an early exit would cut short; any other network as it is."""
    return network.network if isinstance(network, EarlyExitRBQE) else network


def gate_of(config: Mapping[str, Any]) -> QualityGate | None:
    """The gate for images of the codec that a run was trained with.

    Args:
        config: The run's configuration, as `weights.read_config` reads it.

    Returns:
        None if no gate is known for that codec, or the configuration names none, as where pairs were given or
        streamed.
    """
    codec: Mapping[str, Any] = config.get("codec") or {}
    gates = {f"{made_by.__module__}.{made_by.__qualname__}": gate for made_by, gate in GATES.items()}
    return gates.get(codec.get("_target_", ""))
