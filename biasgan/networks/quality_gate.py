import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5
TEXTURED = 0.004
"""Energy of a block's moments above which it counts as textured."""
WORST = 0.05
"""Share of the highest moments at which a smooth block's score is full."""


@dataclass(frozen=True)
class QualityGate:
    """Whether an image is good enough to leave RBQE: blocks astride the codec's block borders show no edges there.

    Xing et al., Early Exit or Not: Resource-Efficient Blind Quality Enhancement for Compressed Images, ECCV 2020. It
    has no parameters. As in the paper, it judges luma of 8 bits: rounding leaves a smooth block the fine grain that
    the score takes for health. powerqe judges the red channel unrounded, against thresholds of its own, which tells
    high qualities from low ones less surely.

    Attributes:
        block: Side of the codec's smallest blocks in pixels, even: 8 for JPEG, 4 for HEVC and BPG.
        threshold: Score in [0, 1] from which an image is good enough.
    """

    block: int
    threshold: float

    def __call__(self, image: Tensor) -> bool:
        """Whether an image, (1, 3, H, W) in [0, 1], or luma alone, (1, 1, H, W), is good enough."""
        return self.score(image) >= self.threshold

    def score(self, image: Tensor) -> float:
        """Quality of such an image, from 0 to 1, where higher is better; see `block_quality`."""
        return block_quality(_luma(image), self.block)


JPEG_GATE = QualityGate(block=8, threshold=0.79)
"""The paper's for JPEG."""

HEVC_GATE = QualityGate(block=4, threshold=0.89)
"""The paper's for HEVC, hence for BPG."""


@torch.no_grad()
def block_quality(plane: Tensor, block: int) -> float:
    """Freedom of one channel from blocking and blur.

    Blocks of the codec's size, moved by half a block so that they lie astride its borders, are each normalised to unit
    energy and zero mean. A textured one scores by how much a blur changes its Tchebichef moments, a smooth one by its
    share of the highest moments. Black blocks are smooth and score 1.

    Args:
        plane: (H, W), of any range that begins at 0.
        block: Side of the codec's blocks in pixels, even.

    Returns:
        Mean score of smooth blocks to the power of 0.9 times that of textured blocks to the power of 0.1, from 0 to 1,
        higher is better. The mean of no blocks is 1.
    """
    with torch.autocast(plane.device.type, enabled=False):
        blocks = _blocks_astride(plane.float(), block)
        energy = blocks.square().sum((1, 2), keepdim=True).sqrt()
        unit = blocks / energy.where(energy > 0, 1)
        unit = unit - unit.mean((1, 2), keepdim=True)
        moments = _moments(unit)
        textured = moments.square().sum((1, 2)) - moments[:, 0, 0].square() > TEXTURED
        smooth_scores = _smooth_scores(moments).where(energy.flatten() > 0, 1)[~textured]
        textured_scores = _textured_scores(unit[textured], moments[textured])
        return _mean(smooth_scores) ** 0.9 * _mean(textured_scores) ** 0.1


@cache
def tchebichef_matrix(size: int) -> Tensor:
    """Orthonormal discrete Tchebichef polynomials, (size, size) float64: one in each row, by rising degree."""
    positions = torch.arange(size, dtype=torch.float64)
    first = (1 - size + 2 * positions) / size
    rows = [torch.ones(size, dtype=torch.float64), first]
    for degree in range(2, size):
        shrink = (degree - 1) * (1 - (degree - 1) ** 2 / size**2)
        rows.append(((2 * degree - 1) * first * rows[-1] - shrink * rows[-2]) / degree)
    matrix = torch.stack(rows[:size])
    return matrix / matrix.square().sum(1, keepdim=True).sqrt()


def _luma(image: Tensor) -> Tensor:
    """Luma of an image as JPEG has it, BT.601 in full range, as it would be saved: (H, W) of whole 255ths."""
    planes = image[0].float().clamp(0, 1)
    if len(planes) == 3:
        planes = 0.299 * planes[:1] + 0.587 * planes[1:2] + 0.114 * planes[2:]
    return planes[0].mul(255).round().div(255)


def _blocks_astride(plane: Tensor, size: int) -> Tensor:
    """Whole blocks of a plane cropped to multiples of `size`, from half a block on: (K, size, size)."""
    height, width = (side // size * size for side in plane.shape)
    start = size // 2
    moved = plane[start:height, start:width]
    if min(moved.shape) < size:
        return plane.new_empty(0, size, size)
    return moved.unfold(0, size, size).unfold(1, size, size).reshape(-1, size, size)


def _moments(blocks: Tensor) -> Tensor:
    matrix = tchebichef_matrix(blocks.shape[-1]).to(blocks)
    return matrix @ blocks @ matrix.T


def _smooth_scores(moments: Tensor) -> Tensor:
    magnitudes = moments.abs()
    rest = magnitudes.sum((1, 2)) - magnitudes[:, 0, 0] + EPSILON
    vertical = (magnitudes[:, -1, :].sum(1) / rest).clamp(max=WORST)
    horizontal = (magnitudes[:, :, -1].sum(1) / rest).clamp(max=WORST)
    return torch.log1p(-(vertical + horizontal) / 2) / math.log1p(-WORST)


def _textured_scores(blocks: Tensor, moments: Tensor) -> Tensor:
    blurred = _moments(functional.conv2d(blocks.unsqueeze(1), _gaussian().to(blocks), padding=1).squeeze(1))
    likeness = (2 * moments * blurred + EPSILON) / (moments.square() + blurred.square() + EPSILON)
    return 1 - likeness.mean((1, 2))


@cache
def _gaussian() -> Tensor:
    """A Gaussian of 3 x 3 with standard deviation 5, of sum 1: (1, 1, 3, 3)."""
    line = torch.exp(-(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64) ** 2) / (2 * 5**2))
    kernel = torch.outer(line, line)
    return (kernel / kernel.sum()).view(1, 1, 3, 3)


def _mean(scores: Tensor) -> float:
    return scores.mean().item() if len(scores) else 1.0
