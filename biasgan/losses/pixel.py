from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

PixelLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Restored and original images → a scalar."""


def pixel_loss(restored: Tensor, original: Tensor) -> Tensor:
    """Mean absolute error of the pixels, in float32: L_recon of eq. 5.

    Args:
        restored: (N, 3, H, W) in [0, 1].
        original: Same shape and range.

    Returns:
        A scalar ≥ 0.

    Examples:
        >>> import torch
        >>> from biasgan import pixel_loss
        >>> pixel_loss(torch.full((1, 3, 8, 8), 0.75), torch.full((1, 3, 8, 8), 0.5))
        tensor(0.2500)
    """
    return (restored.float() - original.float()).abs().mean()


def charbonnier_loss(restored: Tensor, original: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Mean of √(d² + ε²) over the pixels' differences d, in float32: an absolute error that is smooth at 0.

    Charbonnier et al., Two Deterministic Half-Quadratic Regularization Algorithms for Computed Imaging, ICIP 1994.

    Args:
        restored: (N, 3, H, W) in [0, 1].
        original: Same shape and range.
        epsilon: Where it turns from square to absolute, > 0. powerqe's; MPRNet was published with 1e-3.

    Returns:
        A scalar ≥ `epsilon`.

    Examples:
        >>> import torch
        >>> from biasgan import charbonnier_loss
        >>> charbonnier_loss(torch.full((1, 3, 8, 8), 0.75), torch.full((1, 3, 8, 8), 0.5))
        tensor(0.2500)
    """
    return ((restored.float() - original.float()).square() + epsilon**2).sqrt().mean()
