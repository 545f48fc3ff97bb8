"""How coarsely JPEG has quantised an image, measured from its pixels."""

from math import pi, sqrt

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 8
WINDOW = 128
"""Side of the parts of a larger image that are looked at, in pixels."""
FREQUENCIES = tuple((row, column) for row in range(6) for column in range(6) if 1 <= row + column <= 5)
"""The lowest, whose coefficients are seldom all zero."""
STEPS = torch.tensor([*range(2, 25), *(24 * 1.04**power for power in range(1, 61))])
"""Candidates for a quantisation step; coarse ones need not be met exactly."""
LEVELS = torch.arange(0.6, 9.01, 0.1)
TOLERANCE = 0.35
"""How far tables may be from the standard's shape, in octaves."""
NOISE = 0.35
"""Standard deviation of a coefficient after decoding, since pixels are rounded."""
EVIDENCE = 12.0
"""Least logarithm of a likelihood ratio that tells JPEG from none."""
TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Of luma in the standard (ITU-T T.81, Tab. K.1)."""


def kernels() -> Tensor:
    """Of the DCT of a block, (64, 1, 8, 8), rows of frequencies one after the other."""
    place = torch.arange(BLOCK, dtype=torch.float32)
    basis = torch.cos((2 * place + 1) * place[:, None] * pi / (2 * BLOCK)) / 2
    basis[0] /= sqrt(2)
    return torch.einsum("ri,cj->rcij", basis, basis).reshape(-1, 1, BLOCK, BLOCK)


def standard_shape() -> Tensor:
    """log₂ of the standard's step at each frequency, of pictures that lie and stand, over the mean of all."""
    table = torch.tensor(TABLE, dtype=torch.float32).log2()
    table = (table + table.T) / 2
    return torch.stack([table[frequency] for frequency in FREQUENCIES]) - table.mean()


KERNELS = kernels()
SHAPE = standard_shape()


@torch.no_grad()
def jpeg_level(image: Tensor) -> Tensor:
    """Mean log₂ of the luma's quantisation steps, or 0 where there is no trace of JPEG.

    Where JPEG has rounded coefficients to multiples of a step, they still lie near these. The block grid may begin
    anywhere, as in a cropped picture; of several compressions it is the last that shows. Steps below 2 leave no trace.
    The coarsest steps that explain the coefficients nearly as well as the best count, since their divisors do so too.

    Args:
        image: (N, 3, H, W) in [0, 1]. Of sides above 384 pixels three parts of 128 are looked at.

    Returns:
        (N,) float32, from 0 to 9: 7.8 at the usual quality of 10, 5.5 at 50, 3.2 at 90. It is that of the table's
        beginning, so that steps which would be above 255 count as if they were. An image with a side of less than 15
        pixels has 0.

    Examples:
        >>> import torch
        >>> from biasgan import jpeg_level
        >>> jpeg_level(torch.rand(1, 3, 64, 64))  # noise is no JPEG
        tensor([0.])
    """
    if min(image.shape[-2:]) < 2 * BLOCK - 1:
        return image.new_zeros(len(image), dtype=torch.float32)
    with torch.autocast(image.device.type, enabled=False):
        coefficients = [on_the_grid(transformed(windows(each))) for each in image.float()]
        return torch.stack([level(each) for each in coefficients])


def windows(image: Tensor) -> Tensor:
    """Luma of evenly spread parts of an image, (3, H, W) in [0, 1] → (P, 1, h, w) in levels, on one block grid."""
    weights = image.new_tensor([0.299, 0.587, 0.114])
    luma = torch.einsum("chw,c->hw", image, weights) * 255 - 128
    for dimension, side in enumerate(image.shape[-2:]):
        size = min(side, WINDOW)
        step = max(BLOCK, (side - size) // 2 // BLOCK * BLOCK)
        luma = luma.unfold(dimension, size, step)
    return luma.reshape(-1, 1, *luma.shape[-2:])


def transformed(luma: Tensor) -> Tensor:
    """The DCT of the block that begins at each pixel, (P, 1, h, w) → (P, 8, 8, h - 7, w - 7)."""
    coefficients = functional.conv2d(luma, KERNELS.to(luma.device))
    return coefficients.reshape(len(luma), BLOCK, BLOCK, *coefficients.shape[2:])


def on_the_grid(coefficients: Tensor) -> Tensor:
    """Those of the blocks of the likeliest grid, where most high frequencies vanish: → (frequencies, blocks)."""
    height, width = (side // BLOCK * BLOCK for side in coefficients.shape[-2:])
    vanish = coefficients[:, 1:, :, :height, :width].abs().lt(1).float().mean((0, 1, 2))
    shares = vanish.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((0, 2))
    top, left = divmod(int(shares.argmax()), BLOCK)
    blocks = coefficients[..., top::BLOCK, left::BLOCK]
    return torch.stack([blocks[:, row, column].flatten() for row, column in FREQUENCIES])


def level(coefficients: Tensor) -> Tensor:
    """The level that explains coefficients best, (frequencies, blocks) → a number, 0 for none."""
    steps, levels = STEPS.to(coefficients.device), LEVELS.to(coefficients.device)
    shape = SHAPE.to(coefficients.device)[:, None]
    sharpness = torch.exp(-2 * (pi * NOISE / steps) ** 2)
    # Nothing is told by coefficients that this step makes 0; the others lie on multiples, or anywhere between.
    tell = coefficients.abs() >= steps[:, None, None] / 2
    waves = (torch.cos(2 * pi / steps[:, None, None] * coefficients) * tell).sum(-1).T
    evidence = 2 * sharpness * waves - sharpness**2 * tell.sum(-1).T
    octaves = steps.log2() - shape
    near = (octaves - levels[:, None, None]).abs() <= TOLERANCE
    best = evidence.where(near, evidence.new_tensor(-torch.inf)).amax(-1)
    totals = best.where(near.any(-1), 0).sum(1)
    if totals.max() < EVIDENCE:
        return totals.new_zeros(())
    coarsest = levels[totals >= 0.8 * totals.max()].max()
    evidence = evidence.where((octaves - coarsest).abs() <= TOLERANCE, 0).clamp(min=0)
    weights, at = evidence.max(1)
    return (octaves.gather(1, at[:, None])[:, 0] * weights).sum() / weights.sum()
