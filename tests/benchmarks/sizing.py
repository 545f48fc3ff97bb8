"""Hours and disk of the paper's 110 trainings, from measured steps: `python -m tests.benchmarks.sizing`.

Each of the 11 contenders of the paper at `scale=paper`, for five qualities of JPEG and five of BPG, on DIV2K. On a GPU
whole batches are measured, on a CPU two crops, whose time is multiplied. Validations are left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping

import torch
from rich.console import Console
from rich.table import Table

from biasgan.runs.build import build
from biasgan.runs.environment import device_name
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN

from .configured import composed, train

SETTINGS = 10
CONTENDERS = {
    **{name: (f"baseline={name}",) for name in ("arcnn", "cbdnet", "dcad", "dncnn")},
    **{f"esrgan_{method}": ("baseline=esrgan", f"method={method}") for method in ("full", "vanilla")},
    **{name: (f"baseline={name}",) for name in ("mprnet", "rbqe", "rdn")},
    **{f"realesrgan_{method}": ("baseline=realesrgan", f"method={method}") for method in ("full", "vanilla")},
}
"""Columns of the paper's tables and the options for them."""
IMAGES, PIXELS = 900, 2040 * 1356
"""Of DIV2K, about."""


def measure(contender: str, iterations: int, images: int | None) -> dict[str, float]:
    """What a training of a contender takes.

    Returns:
        `pixel` and `adversarial`: seconds of an iteration of each stage; `pixel_hours` and `adversarial_hours`: of all
        of them; `gigabytes`: of three checkpoints and the networks.
    """
    options = (*CONTENDERS[contender], "scale=paper")
    config = composed(*options)
    crops: int = images or config["batch_size"]
    pretrain = config["training"].get("pretrain_iterations")
    adversarial = config["iterations"] - pretrain if pretrain else 0
    stages = {"pixel": config["iterations"] - adversarial} | ({"adversarial": adversarial} if pretrain else {})
    found: dict[str, float] = {"adversarial": 0.0, "adversarial_hours": 0.0}
    for stage, length in stages.items():
        short = f"pretrain_iterations={iterations if stage == 'pixel' else 0}"
        seconds = statistics.median(train(iterations, crops, *options, short).seconds)
        found[stage] = seconds * config["batch_size"] / crops
        found[f"{stage}_hours"] = found[stage] * length / 3600
    module = build(FidelityRestoration, config["training"])
    generator = sum(parameter.numel() for parameter in module.generator.parameters())
    judge = module.discriminator.parameters() if isinstance(module, RestorationGAN) else ()
    # Weights, their average, and two moments of Adam's in a checkpoint; the weights alone in the other files.
    numbers = 3 * (4 * generator + 3 * (others := sum(p.numel() for p in judge))) + generator + others
    return {**found, "gigabytes": 4 * numbers / 1e9}


def main() -> None:
    """Measure each contender in a fresh process, and print what all trainings take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--images", type=int, help="crops that are measured; their time is multiplied")
    parser.add_argument("--contender", help="measure this one alone, here, and print JSON")
    options = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    images = options.images or (None if on_gpu else 2)
    if options.contender:
        sys.stdout.write(json.dumps(measure(options.contender, options.iterations, images)) + "\n")
        return
    console = Console(width=120)
    found: dict[str, Mapping[str, float]] = {}
    for contender in CONTENDERS:
        command = [sys.executable, "-m", "tests.benchmarks.sizing", "--contender", contender]
        command += ["--iterations", str(options.iterations), *(["--images", str(images)] if images else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        found[contender] = json.loads(done.stdout.splitlines()[-1])
    device = device_name(torch.device("cuda" if on_gpu else "cpu"))
    table = Table(title=f"scale=paper on {device}{'' if on_gpu else ': no GPU, so by two crops of each batch'}")
    columns = ("contender", "pixel stage, s an iteration", "adversarial", "hours of a training", f"of {SETTINGS}")
    for column in (*columns, f"GB of {SETTINGS}"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for contender, one in found.items():
        hours = one["pixel_hours"] + one["adversarial_hours"]
        seconds = (f"{one[stage]:.3f}" if one[stage] else "" for stage in ("pixel", "adversarial"))
        table.add_row(
            contender, *seconds, f"{hours:,.0f}", f"{SETTINGS * hours:,.0f}", f"{SETTINGS * one['gigabytes']:.1f}"
        )
    hours = SETTINGS * sum(one["pixel_hours"] + one["adversarial_hours"] for one in found.values())
    # In a sweep both methods of a baseline train one pixel stage.
    shared = SETTINGS * sum(one["pixel_hours"] for name, one in found.items() if name.endswith("_vanilla"))
    weights = SETTINGS * sum(one["gigabytes"] for one in found.values())
    store = 3 * IMAGES * PIXELS * (1 + SETTINGS) / 1e9
    console.print(table)
    console.print(
        f"All {SETTINGS * len(found)} trainings: {hours:,.0f} hours of this device, {hours - shared:,.0f} with pixel "
        f"stages shared as sweeps do. Disk: {store:.0f} GB for the pairs of DIV2K in {SETTINGS} settings, originals "
        f"once, and {weights:.0f} GB for weights."
    )


if __name__ == "__main__":
    main()
