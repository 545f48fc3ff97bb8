"""What a model gains at each quality of a codec: `python -m tests.benchmarks.quality bundled jpeg 10,20,30 FOLDER…`.

PSNR and SSIM of whole images after rounding to 8 bits, in RGB and in luma (BT.601, studio range, as MATLAB has it), and
with a fourth argument `features=FILE` the mean feature distances between compressed, restored and original.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn

from biasgan.analysis.triangle import Triangle, deviation
from biasgan.codecs.bpg import BPG
from biasgan.codecs.codec import Codec
from biasgan.codecs.jpeg import JPEG
from biasgan.io.images import read_image, to_tensor, to_uint8
from biasgan.io.listing import list_images
from biasgan.losses.perceptual import feature_distance
from biasgan.networks.any_size import restore
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.runs.weights import load_generator

LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_1": 1.0}


def luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 → (H, W) from 16 to 235, rounded."""
    return np.round(rgb2ycbcr(image)[..., 0])


def fidelity(image: np.ndarray, original: np.ndarray) -> list[float]:
    """PSNR in RGB and luma, SSIM in RGB and luma (Gaussian of 11 x 11)."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    ssim = partial(cast(Any, structural_similarity), **options)
    one, other = luma(image), luma(original)
    return [
        peak_signal_noise_ratio(original, image, data_range=255),
        peak_signal_noise_ratio(other, one, data_range=255),
        ssim(original, image, channel_axis=2),
        ssim(other, one),
    ]


@torch.inference_mode()
def triangle(features: VGGFeatures, compressed: np.ndarray, restored: np.ndarray, original: np.ndarray) -> list[float]:
    """Feature distances of whole images."""
    found = [features(to_tensor(image)[None]) for image in (compressed, restored, original)]
    pairs = ((0, 1), (0, 2), (1, 2))
    return [float(feature_distance(found[a], found[b], LAYERS).mean()) for a, b in pairs]


@torch.inference_mode()
def measure(generator: nn.Module, codec: Codec, quality: int, files: Sequence[Path], features: str | None) -> str:
    """One row of the table."""
    network = VGGFeatures(tuple(LAYERS), features) if features else None
    rows: list[list[float]] = []
    for file in track(files, f"{codec.name} {quality}", console=Console(stderr=True), transient=True):
        original = read_image(file)
        compressed = codec.encode(original, quality).image
        restored = to_uint8(restore(generator, to_tensor(compressed)[None])[0])
        distances = triangle(network, compressed, restored, original) if network else []
        rows.append([*fidelity(compressed, original), *fidelity(restored, original), *distances])
    mean = np.mean(rows, axis=0)
    cells = [str(quality)]
    for before, after, digits in ((0, 4, 2), (1, 5, 2), (2, 6, 4), (3, 7, 4)):
        cells.append(f"{mean[before]:.{digits}f} → {mean[after]:.{digits}f}")
    if network:
        sides = Triangle(*mean[8:])
        cells += [*(f"{side:.4f}" for side in sides), f"{deviation(*sides):+.1f} %"]
    return f"| {' | '.join(cells)} |"


def main(model: str, codec_name: str, qualities: str, *rest: str) -> None:
    """Print a table in Markdown for each folder."""
    features = next((word.removeprefix("features=") for word in rest if word.startswith("features=")), None)
    codec = JPEG() if codec_name == "jpeg" else BPG()
    generator = load_generator(model)
    columns = ["quality", "PSNR, RGB", "PSNR, Y", "SSIM, RGB", "SSIM, Y"]
    columns += ["C-R", "C-O", "R-O", "deviation"] if features else []
    for folder in (word for word in rest if not word.startswith("features=")):
        files = list_images(Path(folder))
        print(f"\n{Path(folder).name}, {len(files)} images\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")  # noqa: T201 - to be pasted
        for quality in qualities.split(","):
            print(measure(generator, codec, int(quality), files, features), flush=True)  # noqa: T201 - to be pasted


if __name__ == "__main__":
    main(*sys.argv[1:])
