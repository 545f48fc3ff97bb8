"""How large an image must be for a metric; without PyTorch, since a preparation asks too."""

from collections.abc import Mapping
from typing import Any

SMALLEST_SIDES: Mapping[str, int] = {
    "SSIM": 11,  # its window
    "LumaSSIM": 11,
    "PSNRB": 16,  # a border of blocks
    "PatchFID": 256,  # a patch
    "lpips": 31,  # what AlexNet leaves something of
    "niqe": 96,  # a block
    "pi": 104,  # a block within what is cropped
}
"""Class, or model of pyiqa → the shortest side in pixels, of those that do not take images of any size."""


def needs(node: Mapping[str, Any]) -> dict[str, int]:
    """What the metrics of a configuration need, without building them.

    Args:
        node: That of a suite.

    Returns:
        Name of a metric → the shortest side in pixels, of those that need more than one.
    """
    metrics: Mapping[str, Mapping[str, object]] = node.get("metrics", {})
    keys = {
        name: str(metric.get("model", metric.get("_target_", ""))).rpartition(".")[2]
        for name, metric in metrics.items()
    }
    return {name: SMALLEST_SIDES[key] for name, key in keys.items() if key in SMALLEST_SIDES}
