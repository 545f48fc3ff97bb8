"""Pieces that two or more networks are built of."""

from torch import Tensor, nn
from torch.nn import functional


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution of 3 x 3 with zero padding, which keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=bias)


def leaky(features: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2, in place."""
    return functional.leaky_relu(features, 0.2, inplace=True)


def conv_transposed(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """A transposed convolution of 3 x 3 that makes 2n - 1 pixels of n, as CBDNet and RBQE have it."""
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1)


def match_size(features: Tensor, like: Tensor) -> Tensor:
    """Surround features with zeros until they are as large as others; of an odd difference, more at the bottom right.

    Args:
        features: (N, C, h, w) with h ≤ H and w ≤ W.
        like: (N, any, H, W).

    Returns:
        (N, C, H, W).
    """
    height, width = (side - own for side, own in zip(like.shape[-2:], features.shape[-2:], strict=True))
    left, top = width // 2, height // 2
    return functional.pad(features, (left, width - left, top, height - top))


def check_size(network: nn.Module, image: Tensor, smallest: int = 1, multiple: int = 1) -> None:
    """Refuse an image that a network cannot take.

    Raises:
        ValueError: If a side is below `smallest` or not a multiple of `multiple`.
    """
    height, width = image.shape[-2:]
    name = type(network).__name__
    if height % multiple or width % multiple:
        raise ValueError(
            f"{name} needs height and width to be multiples of {multiple}, got {height} x {width}; "
            "pad or crop to such a size"
        )
    if min(height, width) < smallest:
        raise ValueError(f"{name} needs height and width of at least {smallest}, got {height} x {width}; pad before")
