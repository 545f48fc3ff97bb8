import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple, cast


class Mean(NamedTuple):
    """A mean with what is known about its error."""

    value: float
    half_width: float | None
    """Of the 95 % interval by Student's t; None for a single value."""
    size: int
    """Of how many values."""


class Paired(NamedTuple):
    """A paired t-test of two means, both sides."""

    difference: Mean
    p: float
    """Probability of such a difference, or a larger one, if there were none; NaN where all differences are equal."""


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of some runs, at least one, with its interval."""
    count = len(values)
    if count == 1:
        return Mean(values[0], None, 1)
    half_width = float(_special().stdtrit(count - 1, 0.975)) * stdev(values) / math.sqrt(count)
    return Mean(fmean(values), half_width, count)


def paired_test(one: Sequence[float], other: Sequence[float]) -> Paired:
    """Whether the first is larger or smaller than the second.

    Args:
        one: At least two values.
        other: As many, of the same seeds or images in the same order.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    mean, error = mean_of(differences), stdev(differences) / math.sqrt(len(differences))
    # Of equal numbers, rounding leaves a spread.
    if error <= 1e-12 * max(map(abs, (*one, *other))):
        return Paired(mean, math.nan)
    return Paired(mean, 2 * float(_special().stdtr(mean.size - 1, -abs(mean.value) / error)))


def _special() -> Any:  # noqa: ANN401
    import scipy.special  # pyright: ignore[reportMissingTypeStubs] - has none

    return cast(Any, scipy.special)
