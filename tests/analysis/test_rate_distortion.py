import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from biasgan.analysis.rate_distortion import Curve, Delta, Method, bd_metric, bd_rate

METHODS: tuple[Method, ...] = ("cubic", "pchip", "akima")

# Two codecs over four rates, and five points that are half a decibel and more apart, with the deltas that a second
# implementation gave for them.
FOUR = (
    Curve([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]),
    Curve([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987]),
)
RATES = [0.95, 0.52, 0.28, 0.145, 0.07]
FIVE = (Curve(RATES, [36.2, 33.6, 31.0, 28.6, 26.3]), Curve(RATES, [36.7, 34.2, 31.6, 29.2, 26.8]))


def turned(curve: Curve) -> Curve:
    """The same curve of a metric that is better when smaller."""
    return Curve(curve.bits_per_pixel, [-value for value in curve.values], larger_is_better=False)


@pytest.mark.parametrize(
    ("curves", "method", "percent"),
    [
        (FOUR, "cubic", -4.42046),
        (FOUR, "pchip", -4.41749),
        (FOUR, "akima", -4.42525),
        (FIVE, "cubic", -14.13683),
        (FIVE, "pchip", -14.21623),
        (FIVE, "akima", -14.21929),
    ],
)
def test_bd_rates_are_those_that_are_known(curves: tuple[Curve, Curve], method: Method, percent: float) -> None:
    assert bd_rate(*curves, method).value == pytest.approx(percent, abs=5e-6)


@pytest.mark.parametrize(("method", "decibels"), [("cubic", 0.12041), ("pchip", 0.11969), ("akima", 0.11941)])
def test_bd_psnrs_are_those_that_are_known(method: Method, decibels: float) -> None:
    assert bd_metric(*FOUR, method).value == pytest.approx(decibels, abs=5e-6)


def test_cubic_is_least_squares_in_the_logarithm_of_the_rate() -> None:
    """Once more from VCEG-M33: a polynomial through each curve, integrated over what both cover."""
    fits = [np.linalg.lstsq(np.vander(curve.values, 4), np.log(curve.bits_per_pixel), rcond=None)[0] for curve in FIVE]
    middles = np.linspace(26.8, 36.2, 20001)[1::2]
    difference = (np.vander(middles, 4) @ (fits[1] - fits[0])).mean()
    assert bd_rate(*FIVE).value == pytest.approx(100 * (math.exp(difference) - 1))


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_does_not_differ_from_itself(method: Method) -> None:
    for curve in (*FOUR, turned(FOUR[0])):
        assert bd_rate(curve, curve, method) == (pytest.approx(0, abs=1e-9), "%", 100, ())
        assert bd_metric(curve, curve, method) == (pytest.approx(0, abs=1e-9), "", 100, ())


@pytest.mark.parametrize("method", METHODS)
def test_half_the_bits_at_every_quality_are_minus_fifty_percent(method: Method) -> None:
    anchor = FIVE[0]
    half = replace(anchor, bits_per_pixel=[rate / 2 for rate in RATES])
    better = replace(anchor, values=[value + 0.7 for value in anchor.values])
    assert bd_rate(anchor, half, method).value == pytest.approx(-50)
    assert bd_metric(anchor, better, method).value == pytest.approx(0.7)


@pytest.mark.parametrize("method", METHODS)
def test_properties(method: Method) -> None:
    anchor, test = FOUR
    there, back = bd_rate(anchor, test, method).value, bd_rate(test, anchor, method).value
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)
    assert bd_metric(anchor, test, method).value == pytest.approx(-bd_metric(test, anchor, method).value)
    # Another unit of the rate changes nothing.
    scaled_anchor, scaled_test = (replace(c, bits_per_pixel=[1e-4 * rate for rate in c.bits_per_pixel]) for c in FOUR)
    assert bd_rate(scaled_anchor, scaled_test, method).value == pytest.approx(there)
    # Nor does the order of the points.
    mixed = Curve([anchor.bits_per_pixel[i] for i in (2, 0, 3, 1)], [anchor.values[i] for i in (2, 0, 3, 1)])
    assert bd_rate(mixed, test, method) == bd_rate(anchor, test, method)
    assert bd_metric(mixed, test, method) == bd_metric(anchor, test, method)


@pytest.mark.parametrize("method", METHODS)
def test_where_lower_is_better_bits_saved_stay_saved(method: Method) -> None:
    anchor, test = FIVE
    assert bd_rate(turned(anchor), turned(test), method).value == pytest.approx(bd_rate(anchor, test, method).value)
    lower = bd_metric(turned(anchor), turned(test), method)
    assert lower.value == pytest.approx(-bd_metric(anchor, test, method).value)
    assert lower.value < 0
    assert not lower.flags


def straight(*rates: float, saving: float = 0.0) -> Curve:
    """A metric that rises by 3 with each factor e of the rate, at all rates with a share of the bits saved."""
    return Curve([rate * (1 - saving) for rate in rates], [30 + 3 * math.log(rate) for rate in rates])


@pytest.mark.parametrize("method", METHODS)
def test_curves_may_have_other_points(method: Method) -> None:
    delta = bd_rate(straight(1, 2, 4, 8, 16), straight(1, 3, 5, 16, saving=0.2), method)
    assert delta.value == pytest.approx(-20)
    assert bd_metric(straight(1, 2, 4, 8, 16), straight(1, 3, 5, 16, saving=0.2), method).value == pytest.approx(
        3 * math.log(1 / 0.8)
    )


def test_the_overlap_is_what_both_cover_of_what_either_does() -> None:
    anchor = Curve([1, 2, 4, 8], [20, 30, 40, 50])
    delta = bd_rate(anchor, replace(anchor, values=[30, 40, 50, 60]))
    assert delta.overlap == pytest.approx(100 * 20 / 40)
    assert delta.flags == ("overlap 50 %",)
    assert delta.value == pytest.approx(-50)
    assert bd_metric(anchor, Curve([2, 4, 8, 16], [20, 30, 40, 50])).overlap == pytest.approx(100 * 2 / 4)
    assert bd_rate(anchor, replace(anchor, values=[20.5, 31, 41, 51])).flags == ()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [30.0, 31.0])
def test_without_overlap_there_is_no_delta(method: Method, shift: float) -> None:
    anchor = Curve([1, 2, 4, 8], [20, 30, 40, 50])
    away = replace(anchor, values=[value + shift for value in anchor.values])
    for delta in (bd_rate(anchor, away, method), bd_rate(away, anchor, method)):
        assert math.isnan(delta.value)
        assert str(delta) == "undefined; overlap 0 %"


def test_three_points_make_no_cubic_polynomial() -> None:
    anchor, test = (Curve(curve.bits_per_pixel[:3], curve.values[:3]) for curve in FIVE)
    delta = bd_rate(anchor, FIVE[1])
    assert math.isnan(delta.value)
    assert delta.flags == ("anchor has 3 different points, cubic needs 4", "overlap 53 %")
    assert bd_rate(FIVE[0], test).flags[0] == "test has 3 different points, cubic needs 4"
    assert bd_metric(anchor, test).text == "undefined"
    assert bd_rate(straight(1, 2, 9), straight(1, 3, 9, saving=0.2), "pchip").value == pytest.approx(-20)
    equal = Curve([1, 2, 3, 4], [30, 31, 31, 32])
    assert bd_rate(FIVE[0], equal).flags == ("test has 3 different points, cubic needs 4", "overlap 20 %")


def test_one_point_makes_no_curve() -> None:
    point = Curve([1], [30])
    assert bd_rate(point, point, "akima").flags[0] == "anchor has 1 different points, akima needs 2"


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_that_turns_is_flagged(method: Method) -> None:
    anchor, test = FIVE
    turning = replace(test, values=[36.7, 34.2, 34.3, 29.2, 26.8])
    delta = bd_rate(anchor, turning, method)
    assert delta.flags == ("test is not monotone",)
    assert math.isnan(delta.value) == (method != "cubic")
    metric = bd_metric(turning, anchor, method)
    assert metric.flags == ("anchor is not monotone",)
    assert not math.isnan(metric.value)


def test_a_curve_that_falls_is_flagged_and_breaks_nothing() -> None:
    falling = replace(FIVE[0], values=list(reversed(FIVE[0].values)))
    assert bd_rate(FIVE[0], falling).flags == ("test is not monotone",)
    assert math.isnan(bd_rate(FIVE[0], falling, "pchip").value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_flagged(value: float) -> None:
    delta = bd_rate(FIVE[0], replace(FIVE[1], values=[value, 34.2, 31.6, 29.2, 26.8]))
    assert math.isnan(delta.value)
    assert delta.flags[0] == "test has values that are not finite"


def test_any_curves_give_a_delta_and_no_warning() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        anchor, test = (
            Curve(np.cumsum(random.random(count) + 1e-3).tolist(), random.normal(size=count).round(1).tolist())
            for count in random.integers(1, 7, size=2)
        )
        for method in METHODS:
            for delta in (bd_rate(anchor, test, method), bd_metric(anchor, test, method)):
                assert 0 <= delta.overlap <= 100
                assert delta.flags or not math.isnan(delta.value)


def test_how_a_delta_is_printed() -> None:
    assert str(bd_rate(*FIVE)) == "-14.14 %; overlap 90 %"
    assert str(bd_metric(*FOUR)) == "+0.1204; overlap 98 %"
    assert str(Delta(math.nan, "%", 12.6, ("one", "two"))) == "undefined; overlap 13 %; one; two"


def test_both_curves_are_of_one_metric() -> None:
    with pytest.raises(ValueError, match="larger is better for one of them, smaller for the other"):
        bd_rate(FIVE[0], turned(FIVE[0]))
    with pytest.raises(ValueError, match="larger is better for one of them"):
        bd_metric(turned(FIVE[0]), FIVE[0])


def test_unusable_points_are_named() -> None:
    with pytest.raises(ValueError, match="got 2 rates, 3 values"):
        Curve([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="got 0 rates, 0 values"):
        Curve([], [])
    for rates in ([1, 0], [1, -1], [1, math.inf], [math.nan, 1], [1, 1]):
        with pytest.raises(ValueError, match="rates are positive bits per pixel, each of another quality"):
            Curve(rates, [1, 2])


@pytest.mark.parametrize("larger_is_better", [True, False])
def test_monotone_means_better_with_every_bit_more(larger_is_better: bool) -> None:
    values = [1.0, 2.0, 3.0] if larger_is_better else [3.0, 2.0, 1.0]
    assert all(a < b for a, b in pairwise(Curve([3, 1, 2], values, larger_is_better).log_rates))
    assert Curve([1, 2, 3], values, larger_is_better).monotone
    assert not Curve([3, 2, 1], values, larger_is_better).monotone
    assert not Curve([1, 2, 3], [2, 2, 2], larger_is_better).monotone
