from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from torch import Tensor

T = TypeVar("T")


class Line(NamedTuple):
    """A least-squares line."""

    slope: float
    intercept: float
    r_squared: float
    """Share of the variance that the line explains, in [0, 1]."""


class Disparity(NamedTuple):
    """How far patches are from their compressed versions, before coding and after restoration: Fig. 6.

    A restoration without bias leaves as much disparity as the originals have: points on the identity line.

    Examples:
        >>> import numpy as np
        >>> from biasgan import Disparity
        >>> disparity = Disparity(original=np.array([1.0, 2.0, 3.0]), restored=np.array([0.5, 1.0, 1.5]))
        >>> round(disparity.line.slope, 3), disparity.nearer  # half of what the originals have, all patches nearer
        (0.5, 100.0)
    """

    original: np.ndarray
    """Distance between each compressed patch and its original, (P,), each ≥ 0."""
    restored: np.ndarray
    """Distance between each compressed patch and what was restored from it, (P,), each ≥ 0."""

    @classmethod
    def measured(cls, distance: Callable[[T, T], Tensor], compressed: T, restored: T, original: T) -> "Disparity":
        """The disparity of some patches by any distance.

        Args:
            distance: One number for each patch, (P,): `pixel_distance` of patches, or of their features
                `losses.perceptual.feature_distance` with the layers filled in.
            compressed: What it takes of the compressed patches.
            restored: The same of the restored patches.
            original: The same of the originals.
        """
        both = (distance(compressed, original), distance(compressed, restored))
        return cls(*(values.detach().cpu().double().numpy() for values in both))

    @classmethod
    def joined(cls, disparities: Iterable["Disparity"]) -> "Disparity":
        """Those of several images as one.

        Raises:
            ValueError: If there are none.
        """
        parts = list(zip(*disparities, strict=True))
        if not parts:
            raise ValueError("no disparities to join; expected those of at least one image")
        return cls(*(np.concatenate(part) for part in parts))

    @property
    def line(self) -> Line:
        """The regression of restored on original; NaN where the data do not determine it.

        With fewer than two patches, or none that differs from another in its original disparity, there is no line;
        where all restored disparities are equal there is no variance to explain.
        """
        if len(self.original) == 0 or np.ptp(self.original) == 0:
            return Line(np.nan, np.nan, np.nan)
        slope, intercept = (float(value) for value in np.polyfit(self.original, self.restored, 1))
        varies = np.ptp(self.restored) > 0
        return Line(slope, intercept, float(np.corrcoef(*self)[0, 1]) ** 2 if varies else np.nan)

    @property
    def nearer(self) -> float:
        """Percent of the patches that are nearer to the compressed one restored than original: below the identity."""
        return 100 * float(np.mean(self.restored < self.original))


def pixel_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of pixels for each image, in float32.

    Args:
        one: (N, 3, H, W) in [0, 1].
        other: Same shape and range.

    Returns:
        (N,), each in [0, 1].
    """
    return (one.float() - other.float()).abs().mean((1, 2, 3))
