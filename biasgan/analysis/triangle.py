import math
from typing import NamedTuple


class Triangle(NamedTuple):
    """The distances between compressed, restored and original images, in one metric (FID or LPIPS): Fig. 1, 3, 8, 9."""

    compressed_restored: float
    """Distance between compressed and restored images, ≥ 0."""
    compressed_original: float
    """Distance between compressed and original images, ≥ 0: the base of the triangle."""
    restored_original: float
    """Distance between restored and original images, ≥ 0."""

    @property
    def deviation(self) -> float:
        """Deviation of eq. 1 in percent, see `deviation`."""
        return deviation(*self)

    @property
    def holds(self) -> bool:
        """Whether no side is longer than the other two together; FID does not guarantee it."""
        return 2 * max(self) <= sum(self)


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
    """
    if compressed_original == 0:
        return math.nan
    return 100 * (compressed_restored**2 - restored_original**2) / compressed_original**2
