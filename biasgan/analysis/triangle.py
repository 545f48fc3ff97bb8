import math
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def side_lengths(distance: Callable[[T, T], Tensor], compressed: T, restored: T, original: T) -> Tensor:
    """The sides of many triangles at once.

    Args:
        distance: One number for each patch, (P,).
        compressed: What it takes of the compressed patches.
        restored: The same of the restored patches.
        original: The same of the originals.

    Returns:
        (P, 3), in the order of `Triangle`.
    """
    pairs = ((compressed, restored), (compressed, original), (restored, original))
    return torch.stack([distance(*pair) for pair in pairs], dim=1)


class Triangle(NamedTuple):
    """The distances between compressed, restored and original images by FID, LPIPS or features: Fig. 1, 3, 8, 9.

    Examples:
        >>> from biasgan import Triangle
        >>> triangle = Triangle(compressed_restored=2.0, compressed_original=4.0, restored_original=3.0)
        >>> triangle.deviation  # nearer to the compressed images
        -31.25
    """

    compressed_restored: float
    """Distance between compressed and restored images, ≥ 0."""
    compressed_original: float
    """Distance between compressed and original images, ≥ 0: the base of the triangle."""
    restored_original: float
    """Distance between restored and original images, ≥ 0."""

    @classmethod
    def measured(cls, distance: Callable[[T, T], float], compressed: T, restored: T, original: T) -> "Triangle":
        """The triangle by any distance.

        Args:
            distance: Distance of two things, ≥ 0, the same in both directions.
            compressed: What it takes: images, their features, folders of them …
            restored: The same of the restored images.
            original: The same of the originals.
        """
        return cls(distance(compressed, restored), distance(compressed, original), distance(restored, original))

    @classmethod
    def mean(cls, triangles: Iterable["Triangle"]) -> "Triangle":
        """The triangle of mean distances, as the paper draws one of a whole set by LPIPS.

        Its deviation is not the mean of their deviations, in which images that compression hardly changed would
        outweigh all others.

        Raises:
            ValueError: If there is none.
        """
        sides = list(zip(*triangles, strict=True))
        if not sides:
            raise ValueError("no triangles to average; expected one for each image")
        return cls(*(fmean(side) for side in sides))

    @property
    def deviation(self) -> float:
        """Deviation of eq. 1 in percent, see `deviation`."""
        return deviation(*self)

    @property
    def holds(self) -> bool:
        """Whether no side is longer than the other two together; FID does not guarantee it."""
        return 2 * max(self) <= sum(self)

    @property
    def apex(self) -> tuple[float, float]:
        """Where the restored images are, with the compressed ones at (-1, 0) and the originals at (1, 0).

        The first coordinate is a hundredth of the deviation. Sides that form no triangle have an apex at height 0.
        NaN if compressed and original images do not differ.
        """
        if self.compressed_original == 0:
            return math.nan, math.nan
        offset = self.deviation / 100
        square = (2 * self.compressed_restored / self.compressed_original) ** 2 - (1 + offset) ** 2
        return offset, math.sqrt(max(0.0, square))


def deviation(compressed_restored: float, compressed_original: float, restored_original: float) -> float:
    """Bias of an enhancement towards the compressed (negative) or the original images (positive): eq. 1, in percent.

    In a triangle on the base compressed-original it is the offset of the apex from the middle of the base, in halves
    of the base: -100 where restored equals compressed, 0 where it is equally far from both, +100 where it equals the
    original.

    Args:
        compressed_restored: Distance between compressed and restored images, unrounded.
        compressed_original: Distance between compressed and original images.
        restored_original: Distance between restored and original images.

    Returns:
        Percent; NaN if compressed and original images do not differ.

    Examples:
        >>> from biasgan import deviation
        >>> deviation(compressed_restored=0.0, compressed_original=4.0, restored_original=4.0)  # nothing was restored
        -100.0
    """
    if compressed_original == 0:
        return math.nan
    return 100 * (compressed_restored**2 - restored_original**2) / compressed_original**2
