from collections.abc import Mapping

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from biasgan.analysis.figures import Panel, new_figure
from biasgan.io.images import to_uint8

MAP = "magma"
"""Perceptually uniform, and black where nothing changed."""

GAIN = 8
"""Amplification: the scale ends at 255 / GAIN levels."""

SIDE = 1.7
"""Width of a picture in inches."""


def residual(image: Tensor, other: Tensor) -> np.ndarray:
    """How much each pixel differs from that of another image: the mean over its channels.

    Args:
        image: (3, H, W) in [0, 1], on any device.
        other: The same.

    Returns:
        (H, W) in [0, 255], in 8-bit levels.
    """
    return 255 * (image.float() - other.float()).abs().mean(0).detach().cpu().numpy()


def residual_figure(compressed: Tensor, original: Tensor, restored: Mapping[str, Tensor]) -> Figure:
    """Draw what was added to a compressed image, what is still missing, and what should have been: Fig. 4 and 10.

    First the compressed image, then of each restored image how it differs from the compressed and from the original
    one, and last how the original differs from the compressed; all on one scale.

    Args:
        compressed: (3, H, W) in [0, 1]; crops of a hundred or two hundred pixels show most.
        original: The same crop of the original.
        restored: Name of a method → the same crop restored by it; at least one.

    Raises:
        ValueError: If there is no restored image, or one is of another size.
    """
    sizes = {name: tuple(image.shape) for name, image in {"original": original, **restored}.items()}
    other = [f"{name} is {size}" for name, size in sizes.items() if size != tuple(compressed.shape)]
    if other or not restored:
        found = "; ".join(other) or "got no restored image"
        raise ValueError(f"residuals need images of the compressed one's size {tuple(compressed.shape)}; {found}")
    ends = {"compressed": compressed, "original": original}
    shown = [(name, image, end) for name, image in restored.items() for end in ends]
    shown.append(("original", original, "compressed"))
    height, width = compressed.shape[-2:]
    figure = new_figure(SIDE * (len(shown) + 1) + 1.1, SIDE * height / width + 0.5)
    first, *others = (Panel(axes) for axes in figure.subplots(1, len(shown) + 1, squeeze=False)[0])
    first.axes.imshow(to_uint8(compressed))  # pyright: ignore[reportUnknownMemberType] - partial stubs
    first.name("compressed\n")
    norm = Normalize(0, 255 / GAIN)
    for panel, (name, image, end) in zip(others, shown, strict=True):
        levels = residual(image, ends[end])
        panel.axes.imshow(levels, norm=norm, cmap=MAP, interpolation="nearest")  # pyright: ignore[reportUnknownMemberType] - partial stubs
        panel.name(f"{name}\n{levels.mean():.1f} from {end}")
    scale = figure.colorbar(  # pyright: ignore[reportUnknownMemberType] - partial stubs
        ScalarMappable(norm, MAP), ax=[panel.axes for panel in others], fraction=0.03, pad=0.015
    )
    Panel(scale.ax, ("right",)).name(y=f"8-bit levels, amplified {GAIN} times")
    return figure
