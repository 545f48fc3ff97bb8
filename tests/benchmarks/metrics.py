"""The suite `fast` beside decoding and the same numbers by scikit-image: `python -m tests.benchmarks.metrics`."""

import math
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from biasgan.io.images import read_image, to_tensor
from biasgan.metrics.fidelity import PSNR, PSNRB, SSIM, LumaPSNR, LumaSSIM
from biasgan.metrics.suite import Suite

from . import pairs as images

Pairs = list[tuple[Path, Path]]


def ours(pairs: Pairs, cores: int) -> None:
    """Read images and measure them in this process."""
    torch.set_num_threads(cores)
    suite = Suite({"psnr": PSNR(), "ssim": SSIM(), "psnr_y": LumaPSNR(), "ssim_y": LumaSSIM(), "psnr_b": PSNRB()})
    for pair in pairs:
        suite.update(*(to_tensor(read_image(file))[None] for file in pair))
    suite.compute()


def straightforward(pairs: Pairs, cores: int) -> None:
    """Read images and measure them by scikit-image, in one process for each core."""
    if cores == 1:
        list(map(by_skimage, pairs))
    else:
        with ProcessPoolExecutor(cores, multiprocessing.get_context("fork")) as pool:
            list(pool.map(by_skimage, pairs))


def by_skimage(pair: tuple[Path, Path]) -> list[float]:
    """PSNR, SSIM, both in luma, and PSNR-B."""
    image, original = (read_image(file) for file in pair)
    y, original_y = (np.round(rgb2ycbcr(picture)[..., 0]).astype(np.uint8) for picture in (image, original))
    ssim = partial(
        cast(Any, structural_similarity), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    error = np.square(image.astype(float) - original).mean()
    values = [float(peak_signal_noise_ratio(*both)) for both in ((original, image), (original_y, y))]
    return [*values, ssim(original, image, channel_axis=2), ssim(original_y, y), psnr_b(y.astype(float), error)]


def psnr_b(y: np.ndarray, error: float) -> float:
    height, width = y.shape
    columns, rows = np.square(np.diff(y, axis=1)).sum(0), np.square(np.diff(y, axis=0)).sum(1)
    at = columns[7::8].sum() + rows[7::8].sum()
    borders = height * (width // 8 - 1) + width * (height // 8 - 1)
    others = height * (width - 1) + width * (height - 1) - borders
    excess = max(0.0, at / borders - (columns.sum() + rows.sum() - at) / others)
    return 10 * math.log10(255**2 / (error + excess * 3 / math.log2(min(height, width))))


def seconds(function: Callable[[Pairs, int], object], pairs: Pairs, cores: int) -> float:
    """Time of a call in a fresh process on some cores."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(timed, function, pairs, cores).result()


def timed(function: Callable[[Pairs, int], object], pairs: Pairs, cores: int) -> float:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    function(pairs[:1], cores)
    started = time.perf_counter()
    function(pairs, cores)
    return time.perf_counter() - started


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "images"
        images.IMAGES = count
        images.make_images(root)
        pairs: Pairs = []
        for file in sorted(root.rglob("*.png")):
            coded = Path(scratch) / f"{file.stem}-{len(pairs)}.png"
            with Image.open(file) as picture:
                picture.save(coded.with_suffix(".jpg"), quality=20)
            Image.open(coded.with_suffix(".jpg")).save(coded, compress_level=1)
            pairs.append((coded, file))
        table = Table("cores", "ours, s", "scikit-image, s", "ratio", title=f"{len(pairs)} images, 2040 x 1356")
        for cores in (1, 2):
            times = [seconds(function, pairs, cores) for function in (ours, straightforward)]
            table.add_row(f"{cores}", *(f"{value:.1f}" for value in times), f"{times[0] / times[1]:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
