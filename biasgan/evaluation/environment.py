"""What an evaluation was made with, so that it can be made again."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import biasgan

PACKAGES = ("lightning", "numpy", "pillow", "pyiqa", "scikit-image", "torch", "torchmetrics")
CPU_NAMES = Path("/proc/cpuinfo")


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


def commit() -> str | None:
    """The commit that this package is at; None if it is not run from a checkout."""
    folder = Path(biasgan.__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
