from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 95.0
CHUNK = 1_000
"""Resamples that are drawn at once, so that memory does not grow with their number."""

Array = NDArray[np.float64]
Interval = tuple[float, float]


class Bootstrap:
    """Intervals of means over images, by the percentiles of means over images drawn with replacement.

    All quantities see the same draws, so that differences and ratios of them are paired. Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 13.

    Args:
        images: How many there are.
        seed: Of the draws.
    """

    def __init__(self, images: int, seed: int = 0) -> None:
        self.images = images
        self.seed = seed

    def means(self, values: Sequence[Any] | Array) -> Array:
        """Means of resamples.

        Args:
            values: One number or array for each image, (N, …).

        Returns:
            (10,000, …).

        Raises:
            ValueError: If there is not one for each image.
        """
        each: Array = np.asarray(values, np.float64)
        if len(each) != self.images:
            raise ValueError(f"expected a value for each of {self.images} images; got {len(each)}.")
        if not self.images:
            return np.full((RESAMPLES, *each.shape[1:]), np.nan)
        random = np.random.default_rng(self.seed)
        means: list[Array] = []
        with np.errstate(invalid="ignore"):  # infinities of both signs
            for _ in range(RESAMPLES // CHUNK):
                drawn = random.integers(0, self.images, (CHUNK, self.images))
                means.append(each[drawn].mean(axis=1))
        return np.concatenate(means)

    def interval(self, values: Sequence[Any] | Array) -> Interval | None:
        """The 95 % interval of the mean of one number for each image, (N,); see `percentiles`."""
        return self.percentiles(self.means(values))

    def percentiles(self, statistics: Array) -> Interval | None:
        """The interval that holds the middle 95 % of a statistic of all resamples.

        Args:
            statistics: (10,000,), computed of `means`.

        Returns:
            Its two ends; None of a single image, or where a resample has no finite value.
        """
        if self.images < 2 or not np.isfinite(statistics).all():
            return None
        low, high = np.percentile(statistics, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
        return float(low), float(high)
