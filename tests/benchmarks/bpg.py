"""What BPG costs beside x265 and FFmpeg's HEVC decoder alone: `python -m tests.benchmarks.bpg`."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table
from skimage import data

from biasgan.codecs import bpg, bpg_container, bpg_planes, hevc
from biasgan.codecs.bpg_container import CHROMAS
from biasgan.codecs.bpg_pyav import coded_size
from biasgan.codecs.hevc_parameters import SequenceParameters

QP, REPEATS = 37, 7


def pictures() -> dict[str, np.ndarray]:
    """Photographs of scikit-image, and one enlarged to 2040 x 1356."""
    large = np.tile(data.astronaut(), (3, 4, 1))[:1356, :2040]
    noise = np.random.default_rng(0).integers(-4, 5, large.shape)
    return {
        "chelsea": data.chelsea(),
        "astronaut": data.astronaut(),
        "astronaut tiled, with noise": np.clip(large + noise, 0, 255).astype(np.uint8),
    }


def alternating(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each call, all of them taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - started)
    return {name: median(each) for name, each in times.items()}


def main() -> None:
    table = Table(title=f"milliseconds, 4:2:0, QP {QP}, one thread")
    columns = ("picture", "pixels", "x265 veryslow alone", "encode", "", "FFmpeg's HEVC alone", "decode", "", "filters")
    for column in columns:
        table.add_column(column, justify="left" if column == "picture" else "right")
    for name, image in pictures().items():
        height, width = image.shape[:2]
        block = hevc.block_of(width, height)
        size = coded_size(width, height, block)
        frame = hevc.new_frame(CHROMAS.index("4:2:0"), *size)
        bpg_planes.split(image, hevc.planes_of(frame), halved=True)
        file = bpg.encode(image, QP)
        picture = bpg_container.read(file)
        parameters = SequenceParameters(1, *size, picture.tools)
        decoded = hevc.decode(parameters, picture.data)
        times = alternating(
            {
                "x265": lambda f=frame, b=block: hevc.encode_units(f, b, QP, "veryslow", "info=0"),
                "encode": lambda i=image: bpg.encode(i, QP),
            },
            REPEATS,
        ) | alternating(
            {
                "ffmpeg": lambda p=parameters, d=picture.data: hevc.decode(p, d),
                "decode": lambda d=file: bpg.decode(d),
                "filters": lambda f=decoded, h=height, w=width: bpg_planes.join(hevc.planes_of(f), h, w, True, True),
            },
            5 * REPEATS,
        )
        milliseconds = {key: f"{1e3 * seconds:.1f}" for key, seconds in times.items()}
        table.add_row(
            name,
            f"{width} x {height}",
            milliseconds["x265"],
            milliseconds["encode"],
            f"{times['encode'] / times['x265'] - 1:+.1%}",
            milliseconds["ffmpeg"],
            milliseconds["decode"],
            f"{times['decode'] / times['ffmpeg'] - 1:+.1%}",
            milliseconds["filters"],
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
