"""What a training or an evaluation was made with, so that it can be made again."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import biasgan

PACKAGES = ("av", "hydra-core", "lightning", "numpy", "pillow", "pyiqa", "scikit-image", "torch", "torchmetrics")
CPU_NAMES = Path("/proc/cpuinfo")


def environment() -> dict[str, Any]:
    """All of it: `versions`, `hardware`, `commit` and `dirty`."""
    return {"versions": versions(), "hardware": hardware(), "commit": commit(), "dirty": dirty()}


def versions() -> dict[str, str]:
    """Name of a package → its release; those that are not installed are left out."""
    found = {"python": platform.python_version(), "biasgan": biasgan.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device) -> str:
    """The name of a processor, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return cpu_name()
    return f"{device.type} of {cpu_name()}"


def cpu_name() -> str:
    """The name of the machine's processor, as far as the system tells."""
    lines = CPU_NAMES.read_text().splitlines() if CPU_NAMES.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def hardware() -> dict[str, str | int | list[str] | None]:
    """The machine: `processor`, `cores`, `memory_gib` (None where the system does not tell) and `gpus`, by name."""
    gpus = range(torch.cuda.device_count())
    return {
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
        if hasattr(os, "sysconf")
        else None,
        "gpus": [torch.cuda.get_device_name(gpu) for gpu in gpus],
    }


def commit() -> str | None:
    """The commit that this package is at; None if it is not run from a checkout."""
    return git("rev-parse", "HEAD")


def dirty() -> bool | None:
    """Whether the package or its configuration differs from that commit; None if it is not run from a checkout."""
    changes = git("status", "--porcelain", "--", "biasgan", "conf")
    return None if changes is None else bool(changes)


def git(*arguments: str) -> str | None:
    """What Git says about the checkout of this package; None if there is none, or no Git."""
    folder = Path(biasgan.__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
