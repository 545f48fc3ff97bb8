"""Evaluations as `biasgan evaluate` leaves them, made up but consistent."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

from biasgan.reporting.paper import ENCODER, VARIANTS

METHODS = ("vanilla", "conditional", "divergence", "full")
PROTOCOL = {
    "compares": "image with original",
    "unit": "",
    "colour": "RGB",
    "range": "[0, 1]",
    "rounding": "8 bits",
    "crop": "none",
    "over_images": "mean",
    "weights": {},
}
PROTOCOLS = {
    "psnr": PROTOCOL
    | {
        "metric": "PSNR",
        "variant": "one error over all channels",
        "higher_is_better": True,
        "library": "x 1",
        "unit": "dB",
    },
    "ssim": PROTOCOL | {"metric": "SSIM", "variant": "11 x 11", "higher_is_better": True, "library": "x 1"},
    "lpips": PROTOCOL
    | {
        "metric": "LPIPS",
        "variant": "AlexNet, version 0.1",
        "higher_is_better": False,
        "library": "y 2",
        "weights": {"a.pth": "ab" * 32},
    },
    "fid": PROTOCOL
    | {
        "metric": "FID",
        "variant": VARIANTS["fid"],
        "higher_is_better": False,
        "library": "y 2",
        "over_images": "one number",
    },
}
TRAINED = {"features": "imagenet", "training_images": 800, "validation_images": 100}
X265 = {"codec": "bpg", "backend": "pyav", "chroma": "4:2:0", "encoder": "x265 4.1", "preset": "veryslow"}
NO_NIQE = "pyiqa is not installed; pip install 'biasgan[metrics]'"


def make_evaluation(
    folder: Path,
    baseline: str | None = "realesrgan",
    method: str | None = "full",
    seed: int | None = 0,
    quality: float | str | None = 37,
    codec: str = "bpg",
    set_name: str = "div2k-valid",
    images: int = 100,
    pictures: int = 0,
    side: int = 96,
    shift: float = 0.0,
    **changes: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Write an evaluation with all that belongs to it, of a run in `folder`; `changes` replace what is on top."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([seed or 0, len(baseline or ""), len(method or "")])
    rate = 1.2 * math.exp(-float(quality) / 14) * 14 if isinstance(quality, int | float) else 0.5
    gain = (METHODS.index(method) if method in METHODS else 1) * 0.25 + shift + 0.05 * float(random.normal())
    base = 30.8 + 3.2 * math.log(rate / 1.2)
    values = {
        "psnr": (base, base - 1 + gain),
        "ssim": (0.86 + 0.05 * math.log(rate), 0.87 + 0.05 * math.log(rate) + gain / 100),
        "lpips": (0.218 - 0.08 * math.log(rate), 0.19 - 0.08 * math.log(rate) - gain / 50),
        "fid": (9.73 / rate, 10.6 / rate - gain),
    }
    metrics = {
        name: {
            "compressed": one,
            "restored": other,
            "compressed_interval": None if name == "fid" else [one - 0.1, one + 0.1],
            "restored_interval": None if name == "fid" else [other - 0.1, other + 0.1],
            "gain_interval": None,
        }
        for name, (one, other) in values.items()
    }
    adversarial = baseline in ("esrgan", "realesrgan")
    deviation = {
        "compressed_restored": 0.10 + gain / 50,
        "compressed_original": 0.218,
        "restored_original": 0.14 - gain / 40,
    }
    chosen = {"baseline": baseline, "method": method, "codec": codec, "data": "div2k", "scale": "paper"}
    content = {
        "format": 1,
        "subject": {
            "kind": "run",
            "name": folder.name,
            "path": str(folder),
            "sha256": f"{abs(hash((baseline, method, seed, codec, quality))):064x}"[-64:],
        },
        "chosen": chosen if baseline else dict.fromkeys(chosen),
        "training": {"seed": seed, "iterations": 1000, "pretrain_iterations": 500, "quality": quality, **TRAINED}
        if baseline
        else {},
        "codec": codec,
        "quality": quality,
        "codec_identity": {"codec": codec, **(ENCODER if codec == "bpg" else {"library": "libjpeg-turbo 3.1"})},
        "set": {"name": set_name, "images": images, "fingerprint": f"{'c0ffee' * 10}-{quality}"},
        "metrics": metrics,
        "protocols": PROTOCOLS,
        "unavailable": {"niqe": NO_NIQE},
        "bits_per_pixel": {"mean": rate, "interval": [rate * 0.95, rate * 1.05]},
        "triangles": {
            name: {**deviation, "deviation": 0.0, "deviation_interval": [-40.0, -20.0], "holds": True}
            for name in ("features", "lpips")
        },
        "realism": {
            "kind": "plain",
            "conditional": True,
            "original": 0.8,
            "restored": 0.3 + gain / 10,
            "compressed": 0.5,
            "restored_interval": [0.2, 0.4],
            "patch_size": 128,
            "sha256": "d15c" * 16,
        }
        if adversarial
        else None,
        "disparity": {"pixels": {"slope": 0.6 + gain / 5, "intercept": 0.01, "r_squared": 0.8, "patches": 400}},
        "features": {"weights": "imagenet", "layers": {"conv1_2": 0.1, "conv3_4": 1.0}, "patches": 16},
        "speed": {"seconds": 3.1, "megapixels_per_second": 2.4, "device": "cpu", "precision": "32-true"},
        "network": {"name": "RRDBNet", "parameters": 16697987, "multiply_adds_per_pixel": 16.6e6},
        "pictures": _pictures(folder, pictures, side, quality, gain),
        "command": f"biasgan evaluate run={folder.name}",
        "options": {"metrics": "paper"},
        "versions": {"torch": "2.9", "biasgan": "0.1.0"},
        "hardware": "a machine",
        "commit": "0123456",
        "date": "2026-01-02T03:04:05",
        **changes,
    }
    (folder / "evaluation.json").write_text(json.dumps(content))
    with (folder / "evaluation.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "height", "width", "psnr_compressed", "psnr_restored"])
        # As the validation images of DIV2K, if there are so many.
        for number in range(images):
            name, compressed = f"{801 + number:04}", values["psnr"][0] + math.sin(number)
            restored = compressed - 1 + gain + 0.02 * math.cos(3 * number)
            writer.writerow([name, 1356, 1944 + side, compressed, restored])
    with (folder / "disparity.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["name", "patch", *(f"{by}_{side}" for by in ("pixels", "features") for side in ("original", "restored"))]
        )
        for number in range(40):
            original = 0.05 * (1 + math.sin(number))
            writer.writerow([f"{number // 4:04}", number % 4, *2 * (original, (0.6 + gain / 5) * original)])
    if baseline:
        (folder / "config.yaml").write_text(f"seed: {seed}\nbaseline: {baseline}\n")
        _log(folder / "log.csv", gain, adversarial)
    return content


def _pictures(folder: Path, count: int, side: int, quality: float | str | None, gain: float) -> list[dict[str, str]]:
    """Pictures that are compressed by JPEG, and something between as restored ones."""
    (folder / "pictures").mkdir(exist_ok=True)
    made: list[dict[str, str]] = []
    for name in ("astronaut", "coffee", "chelsea", "rocket")[:count]:
        original: np.ndarray = getattr(data, name)()[40 : 40 + side, 60 : 60 + side]
        file = io.BytesIO()
        level = 60 - int(quality) if isinstance(quality, int | float) else 20
        Image.fromarray(original).save(file, format="JPEG", quality=max(5, level))
        compressed = np.asarray(Image.open(file))
        share = min(0.9, 0.4 + gain / 3)
        restored = (compressed + share * (original.astype(float) - compressed)).round().astype(np.uint8)
        images = {"compressed": compressed, "restored": restored, "original": original}
        for version, array in images.items():
            Image.fromarray(array).save(folder / "pictures" / f"{name}-{version}.png", compress_level=1)
        made.append({"name": name} | {version: f"pictures/{name}-{version}.png" for version in images})
    return made


def _log(path: Path, gain: float, adversarial: bool) -> None:
    names = ["iteration", "generator/pixel", "valid/psnr", "bias/deviation", "bias/realism_restored"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names if adversarial else names[:3])
        for iteration in range(10, 1001, 10):
            row: list[object] = [iteration, 0.05 * math.exp(-iteration / 400) + 0.01, ""]
            if iteration % 100 == 0:
                row[2] = 28 + 2 * (1 - math.exp(-iteration / 300)) + gain
            bias = [-60 + 30 * iteration / 1000 + 10 * gain, 0.2 + gain / 10] if iteration > 500 else ["", ""]
            writer.writerow([*row, *(bias if adversarial else [])])


def make_sweep(
    folder: Path,
    baselines: Sequence[str] = ("realesrgan",),
    methods: Sequence[str] = METHODS,
    qualities: Sequence[int] = (37,),
    seeds: Sequence[int] = (0,),
    **options: Any,  # noqa: ANN401
) -> None:
    """Write an evaluation for each combination."""
    for baseline in baselines:
        for method in methods if baseline in ("esrgan", "realesrgan") else ("vanilla",):
            for quality in qualities:
                for seed in seeds:
                    name = f"{baseline}-{method}-{quality}-{seed}"
                    make_evaluation(folder / name, baseline, method, seed, quality, **options)
