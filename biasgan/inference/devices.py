"""Where restoring runs: on one device, or in one process for each of several."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from torch import distributed

from biasgan.system.console import quieten_lightning
from biasgan.system.processor import has_bf16

Thing = TypeVar("Thing")
STOPPED = 130


def find_device(name: str) -> torch.device:
    """The device of a name.

    Raises:
        ValueError: If PyTorch has none of that name here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    # PyTorch has a kind of error of its own for unknown names, backends that it was built without, and `meta`.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={name} cannot be used here: {reason} Expected auto, cpu, cuda, mps …") from error
    return device


def find_precision(name: str, device: torch.device) -> str:
    """`32` or `bf16`.

    Raises:
        ValueError: If the name is another than these and `auto`.
    """
    if name == "auto":
        return "bf16" if device.type in ("cpu", "cuda") and has_bf16(device.type) else "32"
    if name not in ("32", "bf16"):
        raise ValueError(f"precision={name}: expected auto, 32 or bf16")
    return name


def devices_of(device: torch.device, devices: int | None, images: int) -> int | list[int]:
    """How many devices are used, or the one that was asked for.

    Raises:
        ValueError: If there are not so many.
    """
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if ":" in str(device) and device.type != "cpu":
        if devices and devices > 1:
            raise ValueError(f"device={device} is a single one; leave its number out to take {devices}.")
        return [device.index]
    if devices is None:
        return max(1, min(there, images))
    if devices < 1 or (device.type != "cpu" and devices > there):
        raise ValueError(f"devices={devices}: expected from 1 to {there}, as many as there are here.")
    return devices


class Process(NamedTuple):
    """One of the processes that share something."""

    number: int
    of: int
    device: str

    def gathered(self, own: list[Thing]) -> list[list[Thing]]:
        """Things of all processes, by their numbers, as each process then has them."""
        if self.of == 1:
            return [own]
        everybody: list[Any] = [None] * self.of
        distributed.all_gather_object(everybody, own)
        return everybody


@contextmanager
def processes(device: torch.device, devices: int | list[int], nodes: int) -> Generator[Process]:
    """Be one of several processes, which start the running command once more for each further device.

    Args:
        device: A device of their kind.
        devices: What `devices_of` gives.
        nodes: Machines, on which a cluster has started this command.

    Yields:
        This process.

    Raises:
        ImportError: If there are to be several and Lightning is not installed.
    """
    if nodes == 1 and devices in (1, [device.index]):
        yield Process(0, 1, str(device))
        return
    # Only here, since it takes twice the time of PyTorch.
    try:
        from lightning.fabric import Fabric
    except ModuleNotFoundError as error:
        raise ImportError(f"Several devices need {error.name}, which is not installed: pip install biasgan") from error

    quieten_lightning()
    fabric = Fabric(accelerator=device.type, devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    try:
        yield Process(fabric.global_rank, fabric.world_size, str(fabric.device))
    except KeyboardInterrupt:
        # The first process says so.
        if fabric.global_rank:
            sys.exit(STOPPED)
        raise
    finally:
        if sys.exc_info()[0]:
            for started in getattr(fabric.strategy.launcher, "procs", ()):
                started.terminate()
