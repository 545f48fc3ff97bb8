"""Time and memory of restoring an image beside a plain loop over tiles: `python -m tests.benchmarks.inference`.

The ways take turns, each time in a fresh process; the medians are printed. `--photograph` restores one of 24 megapixels
instead, with the package's own generator and the two of the table.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage import data
from torch import Tensor, nn
from torch.nn import functional

from biasgan.codecs.jpeg import JPEG
from biasgan.inference.restorer import Restorer
from biasgan.io.images import to_tensor
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.runs.weights import load_generator

NETWORKS = {"64/23": (64, 23), "32/16": (32, 16)}
WIDTH, HEIGHT = 768, 512
PLAIN = "plain loop over tiles, fp32"
WAYS = (
    PLAIN,
    *(
        f"{size}, {precision}{how}"
        for how in ("", ", compiled")
        for precision in ("fp32", "bf16")
        for size in ("tiles", "whole")
    ),
)
TILE = 512
"""Side of the tiles of both, where an image is not restored as a whole."""


def photograph(width: int, height: int) -> np.ndarray:
    """A photograph of any size, (height, width, 3) uint8."""
    return np.asarray(Image.fromarray(data.astronaut()).resize((width, height), Image.Resampling.BICUBIC))


def build(name: str) -> nn.Module:
    """A generator of the table, or the package's own."""
    if name == "bundled":
        return load_generator("bundled")
    torch.manual_seed(0)
    return RRDBNet(*NETWORKS[name]).eval()


def plain_loop(network: nn.Module, image: Tensor, tile: int, padding: int = 10) -> Tensor:
    """Tiles with a margin that is cut off again, eagerly in fp32, as users of BasicSR have it."""
    restored = torch.zeros_like(image)
    height, width = image.shape[-2:]
    with torch.no_grad():
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                bottom, right = min(top + tile, height), min(left + tile, width)
                above, before = max(top - padding, 0), max(left - padding, 0)
                piece = image[:, :, above : min(bottom + padding, height), before : min(right + padding, width)]
                rows, columns = piece.shape[-2:]
                piece = functional.pad(piece, (0, -columns % 4, 0, -rows % 4), "reflect")
                kept = network(piece)[:, :, top - above : bottom - above, left - before : right - before]
                restored[:, :, top:bottom, left:right] = kept
    return restored


def way(name: str, network: nn.Module, device: str) -> Callable[[Tensor], Tensor]:
    """What restores (3, H, W) in one of the ways."""
    if name == PLAIN:
        network.to(device)
        return lambda image: plain_loop(network, image[None].to(device), TILE // 2)[0].cpu()
    size, precision, *compiled = name.split(", ")
    restorer = Restorer(network, device, precision.removeprefix("fp"), TILE if size == "tiles" else 4096)
    if compiled:
        restorer.network.compile()
    return restorer.restore


def peak_memory() -> float:
    """Most resident memory of this process so far, in GB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6


def measure(name: str, network: str, rounds: int, device: str) -> dict[str, Any]:
    """Seconds of restoring the image and the peak of memory, after a first time that does not count."""
    image = to_tensor(photograph(WIDTH, HEIGHT))
    restore = way(name, build(network), device)
    restore(image)
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        restore(image)
        seconds.append(time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else peak_memory()
    return {"seconds": seconds, "memory": memory}


def measure_photograph(network: str, device: str) -> dict[str, Any]:
    """Seconds and peak of memory of 24 megapixels."""
    image = to_tensor(photograph(6000, 4000))
    before = peak_memory()
    start = time.perf_counter()
    Restorer(build(network), device).restore(image)
    return {"seconds": time.perf_counter() - start, "before": before, "memory": peak_memory()}


def lost_in_bf16() -> list[tuple[int, list[float]]]:
    """What bf16 costs the package's own generator: PSNR over JPEG and of both precisions, in dB, by quality."""
    rows: list[tuple[int, list[float]]] = []
    original = data.astronaut()
    for quality in (10, 30, 50):
        image = to_tensor(JPEG().encode(original, quality).image)
        psnr = [
            -10 * (restored - to_tensor(original)).square().mean().log10().item()
            for restored in (image, *(Restorer(build("bundled"), "cpu", p).restore(image) for p in ("32", "bf16")))
        ]
        rows.append((quality, psnr))
    return rows


def child(*arguments: str) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.inference", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure each way in fresh processes, in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--network", choices=(*NETWORKS, "bundled"))
    parser.add_argument("--photograph", action="store_true")
    parser.add_argument("--compiled", action="store_true", help="with torch.compile too")
    parser.add_argument("--way", choices=WAYS, help="measure this one alone, here, and print its figures as JSON")
    options = parser.parse_args()
    console = Console()
    if options.way or (options.photograph and options.network):
        figures = (
            measure(options.way, options.network, options.rounds, options.device)
            if options.way
            else measure_photograph(options.network, options.device)
        )
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    if options.photograph:
        for network in ("bundled", *NETWORKS):
            figures = child("--photograph", "--network", network, "--device", options.device)
            console.print(
                f"{network}: 24 megapixels in {figures['seconds']:.0f} s; at most {figures['memory']:.2f} GB resident, "
                f"{figures['before']:.2f} GB of them with the image alone"
            )
        return
    ways = [name for name in WAYS if options.compiled or "compiled" not in name]
    for network in [options.network] if options.network else NETWORKS:
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        memory = dict.fromkeys(ways, 0.0)
        for _ in range(options.processes):
            for name in ways:
                arguments = ("--way", name, "--network", network, "--rounds", str(options.rounds))
                figures = child(*arguments, "--device", options.device)
                seconds[name] += figures["seconds"]
                memory[name] = max(memory[name], figures["memory"])
        table = Table(title=f"{network}, {WIDTH} x {HEIGHT}")
        for column in ("", "seconds", "megapixels/s", "times as fast", "GB at most"):
            table.add_column(column, justify="left" if not column else "right")
        base = statistics.median(seconds[PLAIN])
        for name, values in seconds.items():
            median = statistics.median(values)
            speed = WIDTH * HEIGHT / 1e6 / median
            table.add_row(name, f"{median:.2f}", f"{speed:.2f}", f"{base / median:.2f}", f"{memory[name]:.2f}")
        console.print(table)
    for quality, (compressed, exact, rounded) in lost_in_bf16():
        console.print(
            f"bundled, JPEG {quality}: {exact - compressed:+.3f} dB over JPEG in fp32, "
            f"{rounded - exact:+.4f} dB more in bf16"
        )


if __name__ == "__main__":
    main()
