import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import numpy as np

Method = Literal["cubic", "pchip", "akima"]
"""How points become a curve: one cubic polynomial, least squares, as in VCEG-M33 and the paper; or piecewise cubics
through all points, as JVET has it (pchip) or as was found to follow real curves best (akima)."""

SMALL_OVERLAP = 75.0
"""Percent, the library's default: below, the average over the overlap says little about the curves."""


@dataclass(frozen=True)
class Curve:
    """What a metric gives for the bits that are spent, over several qualities of a codec.

    Attributes:
        bits_per_pixel: Of real bitstreams, the mean over the images, for each quality; in any order.
        values: The metric over all images at the same qualities.
        larger_is_better: Direction of the metric.

    Examples:
        >>> from biasgan import Curve
        >>> Curve([0.2, 0.4, 0.8], [27.0, 29.0, 31.0]).monotone
        True
    """

    bits_per_pixel: Sequence[float]
    values: Sequence[float]
    larger_is_better: bool = True

    def __post_init__(self) -> None:
        """Check that there is a value for each rate.

        Raises:
            ValueError: If there are not as many values as rates, or none, or a rate is not a positive number of its
                own.
        """
        rates = list(self.bits_per_pixel)
        if len(rates) != len(self.values) or not rates:
            raise ValueError(
                f"a rate-distortion curve has a value for each rate; got {len(rates)} rates, {len(self.values)} values"
            )
        if not all(0 < rate < math.inf for rate in rates) or len(set(rates)) < len(rates):
            raise ValueError(
                f"rates are positive bits per pixel, each of another quality; got {', '.join(map(str, rates))}"
            )

    @property
    def log_rates(self) -> np.ndarray:
        """Natural logarithms of the rates, rising."""
        return np.log(np.sort(self.bits_per_pixel))

    @property
    def values_by_rate(self) -> np.ndarray:
        """The values by rising rate."""
        return np.asarray(self.values, float)[np.argsort(self.bits_per_pixel)]

    @property
    def goodness(self) -> np.ndarray:
        """The values by rising rate, negated where lower is better."""
        return self.values_by_rate if self.larger_is_better else -self.values_by_rate

    @property
    def monotone(self) -> bool:
        """Whether more bits always give a better value."""
        return bool(np.all(np.diff(self.goodness) > 0))


class Delta(NamedTuple):
    """A Bjøntegaard delta: by how much a curve differs from an anchor, on average where both are known."""

    value: float
    """NaN is undefined; then the flags say why."""
    unit: str
    """"%" of the bits, or "" for the metric's own."""
    overlap: float
    """What both curves cover of all that either covers, in percent: of metric values, or of logarithmic rates."""
    flags: tuple[str, ...]
    """Why the value is undefined or to be doubted, the weightiest first; the overlap is among them if it is small."""

    @property
    def text(self) -> str:
        """The value as it is printed, "undefined" if there is none."""
        if math.isnan(self.value):
            return "undefined"
        return f"{self.value:+.2f} %" if self.unit == "%" else f"{self.value:+.4g}"

    def __str__(self) -> str:
        """The value with all that is to be known about it."""
        return "; ".join(dict.fromkeys((self.text, f"overlap {self.overlap:.0f} %", *self.flags)))


def bd_rate(anchor: Curve, test: Curve, method: Method = "cubic") -> Delta:
    """By how many percent a curve needs other bits than the anchor for equal quality; negative saves bits.

    Computed by `bjontegaard`. Undefined without overlap, with fewer than four points of different quality for a cubic
    polynomial, and by piecewise curves where more bits do not always give a better value.

    Bjøntegaard, Calculation of average PSNR differences between RD-curves, VCEG-M33, 2001.

    Args:
        anchor: What is compared with, as compressed images.
        test: What is compared, as restored images at the same rates.
        method: How points become a curve.

    Raises:
        ValueError: If the metric is better when larger for one of them and when smaller for the other.

    Examples:
        >>> from biasgan import Curve, bd_rate
        >>> rates = [0.95, 0.52, 0.28, 0.145, 0.07]
        >>> compressed = Curve(rates, [36.2, 33.6, 31.0, 28.6, 26.3])
        >>> restored = Curve(rates, [36.7, 34.2, 31.6, 29.2, 26.8])
        >>> delta = bd_rate(compressed, restored)
        >>> f"{delta.value:.2f} {delta.unit}"
        '-14.14 %'
    """
    sides = [(curve.goodness, curve.log_rates) for curve in (anchor, test)]
    difference, overlap, flags = _difference(anchor, test, sides, method)
    with np.errstate(over="ignore"):
        return Delta(100 * float(np.expm1(difference)), "%", overlap, flags)


def bd_metric(anchor: Curve, test: Curve, method: Method = "cubic") -> Delta:
    """By how much the metric of a curve differs from the anchor's at equal rate: BD-PSNR where it is PSNR.

    As `bd_rate`, but the values are compared and not negated: where lower is better, negative is the better curve.
    Points that are not monotone are flagged and hinder none of the methods.

    Examples:
        >>> from biasgan import Curve, bd_metric
        >>> rates = [0.95, 0.52, 0.28, 0.145, 0.07]
        >>> compressed = Curve(rates, [36.2, 33.6, 31.0, 28.6, 26.3])
        >>> round(bd_metric(compressed, Curve(rates, [37.2, 34.6, 32.0, 29.6, 27.3])).value, 3)  # 1 dB more everywhere
        1.0
    """
    sides = [(curve.log_rates, curve.values_by_rate) for curve in (anchor, test)]
    difference, overlap, flags = _difference(anchor, test, sides, method)
    return Delta(difference, "", overlap, flags)


def _difference(
    anchor: Curve, test: Curve, sides: Sequence[tuple[np.ndarray, np.ndarray]], method: Method
) -> tuple[float, float, tuple[str, ...]]:
    """Average difference of what is given second in each side, over what is given first, by rising rate.

    Returns:
        The difference, NaN if undefined; the overlap in percent; the flags.
    """
    if anchor.larger_is_better != test.larger_is_better:
        raise ValueError("both curves must be of one metric; larger is better for one of them, smaller for the other")
    (anchor_base, _), (test_base, _) = sides
    undefined: list[str] = []
    doubts: list[str] = []
    for name, curve, base in (("anchor", anchor, anchor_base), ("test", test, test_base)):
        needed, points = 4 if method == "cubic" else 2, len(np.unique(base))
        if not np.isfinite(curve.values).all():
            undefined.append(f"{name} has values that are not finite")
        elif points < needed:
            undefined.append(f"{name} has {points} different points, {method} needs {needed}")
        elif not curve.monotone:
            hinders = method != "cubic" and not np.all(np.diff(base) > 0)
            (undefined if hinders else doubts).append(f"{name} is not monotone")
    overlap = _overlap(anchor_base, test_base)
    if overlap < SMALL_OVERLAP:
        (doubts if overlap else undefined).append(f"overlap {overlap:.0f} %")
    flags = (*undefined, *doubts)
    if undefined:
        return math.nan, overlap, flags
    return _bjontegaard(sides, method), overlap, flags


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """What two intervals have in common, in percent of the smallest one that holds both."""
    common = min(one.max(), other.max()) - max(one.min(), other.min())
    return 100 * float(common / (max(one.max(), other.max()) - min(one.min(), other.min()))) if common > 0 else 0.0


def _bjontegaard(sides: Sequence[tuple[np.ndarray, np.ndarray]], method: Method) -> float:
    # It brings pyplot along, a second that those who compute no delta need not wait for.
    from bjontegaard import bd_linear  # pyright: ignore[reportMissingTypeStubs] - has none

    # A polynomial does not ask for an order, but the library asserts one.
    anchor, test = ([values[np.argsort(base)] for values in (base, metric)] for base, metric in sides)
    return float(cast(float, bd_linear(*anchor, *test, method=method, require_matching_points=False, min_overlap=0)))
