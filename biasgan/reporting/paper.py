"""The figures of Xing et al., CVPR 2024 (arXiv 2402.17200), as printed there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

COMPRESSED = "compressed"
NAMES = {
    "arcnn": "AR-CNN",
    "dcad": "DCAD",
    "dncnn": "DnCNN",
    "cbdnet": "CBDNet",
    "rdn": "RDN",
    "rbqe": "RBQE",
    "mprnet": "MPRNet",
    "esrgan": "ESRGAN",
    "realesrgan": "Real-ESRGAN",
}
"""Baseline → its name in the paper."""
ADVERSARIAL = ("esrgan", "realesrgan")
METHODS = ("vanilla", "conditional", "divergence", "full")

IMAGES = "the 100 validation images of DIV2K, compressed by BPG (JCT-VC within libbpg 0.9.8)"
NAMES_OF_IMAGES = frozenset(f"{number:04}" for number in range(801, 901))
NAMES_OF_FLICKR2K = [frozenset(f"{number:06}" for number in range(first, 2651)) for first in (1, 1989)]
"""Those of all images, and of the last quarter, which is there to validate with."""
LONG_SIDE = 2000
"""Images of both sets are of 2K resolution along one side at least."""
ENCODER = {"backend": "libbpg", "encoder": "bpgenc 0.9.8 jctvc", "chroma": "4:2:0", "level": 8}
"""What of a codec's identity is that of the paper's BPG."""
X265_TAKES = 3
"""What x265 takes off the QP of a still picture; JCT-VC takes nothing."""
FEATURES = ("imagenet", "dcbb9e9d")
"""Weights of VGG-19 that the paper's trainings had: their name, and how the SHA-256 of torchvision's file begins."""
PATCH = 128
"""Side of the patches whose realism Tab. 1 and 2 give."""
QUALITY = ("37",)
"""QP of Tab. 1 to 3 and 5."""
QUALITIES = ("27", "32", "37", "42", "47")
"""QPs of Tab. 4."""


class Subject(NamedTuple):
    """What has a figure: a baseline, of the adversarial ones with a method."""

    baseline: str
    method: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        name = NAMES.get(self.baseline, self.baseline)
        return f"{name}, {self.method}" if self.method else name

    @property
    def order(self) -> tuple[int, ...]:
        """Sorts as the paper's tables do, what is unknown last."""
        places = (([*NAMES], self.baseline), ([*METHODS], self.method or ""))
        return tuple(known.index(own) if own in known else len(known) for known, own in places)


ROWS = (
    *(Subject(name) for name in NAMES if name not in ADVERSARIAL),
    *(Subject(name, method) for name in ADVERSARIAL for method in ("vanilla", "full")),
)
"""Columns of Tab. 3 after the compressed images, and of Tab. 4."""

HIGHER_IS_BETTER = {
    **dict.fromkeys(("ahiq", "clipiqa", "hyperiqa", "musiq", "psnr", "topiq_fr"), True),
    **dict.fromkeys(("dists", "fid", "lpips", "niqe", "pi"), False),
}
METRICS = {
    **{"ahiq": "AHIQ", "clipiqa": "CLIP-IQA", "dists": "DISTS", "fid": "FID", "hyperiqa": "HyperIQA"},
    **{"lpips": "LPIPS", "musiq": "MUSIQ", "niqe": "NIQE", "pi": "PI", "psnr": "PSNR", "topiq_fr": "TOPIQ-FR"},
}

VARIANTS = {
    "ahiq": "trained on PIPAL",
    "clipiqa": "CLIP RN50, five pairs of prompts",
    "dists": "VGG-16, full resolution",
    "fid": "whole images, each channel resized to 299 x 299 by Pillow's bicubic filter, clipped (clean-fid)",
    "hyperiqa": "ResNet-50 trained on KonIQ",
    "lpips": "AlexNet, version 0.1",
    "musiq": "trained on KonIQ",
    "niqe": "original parameters, blocks of 96 x 96",
    "pi": "((10 - NRQM) + NIQE) / 2",
    "psnr": "one error over all channels",
    "topiq_fr": "ResNet-50 trained on KADID",
}
"""How the variant of each metric begins that the paper has, with its weights."""
COLOURS = {"niqe": "Y of YIQ", "pi": "Y of YCbCr"}
"""What a metric is measured in, where that is not RGB."""
CROPS = "AHIQ and HyperIQA look at crops on a regular grid, in the paper's release of pyiqa at random ones."

_QUALITY = {
    "ahiq": "0.433 0.443 0.451 0.453 0.459 0.450 0.454 0.454 0.456 0.463 0.454 0.471",
    "clipiqa": "0.494 0.538 0.548 0.553 0.572 0.551 0.556 0.558 0.662 0.672 0.645 0.660",
    "dists": "0.126 0.134 0.143 0.143 0.140 0.144 0.142 0.141 0.060 0.058 0.064 0.062",
    "fid": "9.73 10.3 10.4 10.7 10.7 10.6 10.3 10.3 8.84 7.50 10.6 8.77",
    "hyperiqa": "0.459 0.507 0.541 0.549 0.560 0.544 0.545 0.553 0.557 0.576 0.563 0.580",
    "lpips": "0.218 0.215 0.214 0.212 0.206 0.213 0.210 0.208 0.120 0.114 0.116 0.113",
    "musiq": "60.7 62.2 63.0 63.1 63.7 63.0 63.1 63.3 65.1 65.6 64.9 66.2",
    "niqe": "4.22 4.49 4.61 4.60 4.63 4.65 4.61 4.65 2.87 2.80 3.14 2.92",
    "pi": "4.35 4.52 4.59 4.58 4.60 4.61 4.58 4.60 3.15 3.12 3.43 3.24",
    "psnr": "30.8 31.2 31.4 31.5 31.7 31.5 31.5 31.6 29.0 29.6 29.8 30.6",
    "topiq_fr": "0.721 0.716 0.713 0.713 0.724 0.711 0.716 0.720 0.811 0.822 0.810 0.821",
}

_BD_RATE = {
    "ahiq": "-5.63 -10.4 -12.0 -18.8 -11.6 -15.6 -15.6 -24.6 -29.3 -28.3 -41.5",
    "clipiqa": "-29.5 -38.1 -40.8 -55.7 -42.9 -46.0 -47.2 -93.2 -93.5 -94.8 -96.8",
    "dists": "+12.4 +26.5 +26.4 +21.6 +28.9 +26.2 +23.9 -75.5 -75.8 -69.5 -72.0",
    "fid": "+6.73 +9.01 +11.5 +14.9 +11.0 +11.8 +10.7 -21.7 -24.3 +3.64 -13.7",
    "hyperiqa": "-46.3 -62.9 -65.9 -74.6 -65.8 -66.6 -68.9 -82.1 -98.5 -83.5 -95.3",
    "lpips": "-5.44 -6.64 -7.92 -12.6 -6.90 -9.66 -11.4 -61.2 -63.5 -64.7 -66.2",
    "musiq": "-24.7 -34.1 -35.0 -42.5 -35.2 -36.3 -38.9 -71.9 -81.6 -64.2 -77.9",
    "psnr": "-11.3 -15.3 -16.7 -20.6 -16.3 -18.3 -19.0 +58.7 +36.9 +30.7 +5.71",
    "topiq_fr": "-1.46 -1.65 -2.03 -7.05 -1.48 -3.55 -5.19 -36.0 -39.8 -36.7 -40.3",
}

OBJECTIVE_QUALITY: Mapping[str, Mapping[Subject, str]] = {
    metric: dict(zip((Subject(COMPRESSED), *ROWS), values.split(), strict=True)) for metric, values in _QUALITY.items()
}
"""Tab. 3, BPG of QP 37: metric → subject → value."""

BD_RATE: Mapping[str, Mapping[Subject, str]] = {
    metric: dict(zip(ROWS, values.split(), strict=True)) for metric, values in _BD_RATE.items()
}
"""Tab. 4, percent against the compressed images: metric → subject → value."""

ABLATION: Mapping[str, Mapping[Subject, str]] = {
    metric: {
        Subject(baseline, method): value
        for baseline, values in baselines.items()
        for method, value in zip(METHODS, values.split(), strict=True)
    }
    for metric, baselines in {
        "fid": {"esrgan": "8.84 8.05 7.67 7.50", "realesrgan": "10.6 9.21 9.70 8.77"},
        "psnr": {"esrgan": "29.0 29.4 29.2 29.6", "realesrgan": "29.8 30.0 30.4 30.6"},
    }.items()
}
"""Tab. 5, BPG of QP 37: metric → subject → value."""

ABLATION_GAIN: Mapping[str, Mapping[Subject, str]] = {
    metric: {
        Subject(baseline, method): value
        for baseline, values in baselines.items()
        for method, value in zip(METHODS[1:], values.split(), strict=True)
    }
    for metric, baselines in {
        "fid": {"esrgan": "-0.79 -1.17 -1.34", "realesrgan": "-1.39 -0.90 -1.83"},
        "psnr": {"esrgan": "+0.38 +0.22 +0.63", "realesrgan": "+0.24 +0.59 +0.79"},
    }.items()
}
"""Tab. 5: difference from vanilla, of figures before rounding."""

REALISM: Mapping[Subject, tuple[str, str, str]] = {
    Subject("realesrgan", "vanilla"): ("0.76", "0.28", "0.84"),
    Subject("esrgan", "vanilla"): ("0.73", "0.27", "0.76"),
    Subject("realesrgan", "full"): ("0.87", "0.04", "0.05"),
}
"""Tab. 1 and 2, DIV2K: realism of the original, restored and compressed images."""

FLICKR2K_REALISM: Mapping[Subject, tuple[str, str, str]] = {
    Subject("realesrgan", "vanilla"): ("0.74", "0.27", "0.84"),
    Subject("esrgan", "vanilla"): ("0.74", "0.26", "0.78"),
    Subject("realesrgan", "full"): ("0.86", "0.03", "0.05"),
}
"""The same of Flickr2K. That of originals in Tab. 2 follows from both differences that stand beside it."""

FLICKR2K_IMAGES = "Flickr2K, of which the paper does not say which images, compressed by BPG"


def subject_of(chosen: Mapping[str, Any]) -> Subject | None:
    """Baseline and method of the choices of a training; a baseline without a discriminator has no method."""
    baseline, method = chosen.get("baseline"), chosen.get("method")
    return Subject(baseline, method if baseline in ADVERSARIAL else None) if baseline else None
