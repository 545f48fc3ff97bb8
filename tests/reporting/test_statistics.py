import math

import pytest
from scipy import stats

from biasgan.reporting.statistics import mean_of, paired_test

ONE, OTHER = [30.1, 30.9, 29.7, 30.4], [29.9, 30.1, 29.8, 29.6]


def test_intervals_are_those_of_scipy() -> None:
    mean = mean_of(ONE)
    low, high = stats.t.interval(0.95, 3, loc=sum(ONE) / 4, scale=stats.sem(ONE))
    assert mean.half_width is not None
    assert (mean.value - mean.half_width, mean.value + mean.half_width) == pytest.approx((low, high))
    assert mean.size == 4


def test_one_value_has_no_interval() -> None:
    assert mean_of([3.0]) == (3.0, None, 1)
    assert mean_of([3.0, 3.0]) == (3.0, 0.0, 2)


def test_the_paired_test_is_that_of_scipy() -> None:
    test = paired_test(ONE, OTHER)
    expected = stats.ttest_rel(ONE, OTHER)
    assert test.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert test.difference.half_width is not None
    assert test.difference.value + test.difference.half_width == pytest.approx(interval.high)
    assert paired_test(OTHER, ONE).p == pytest.approx(test.p)
    assert paired_test(OTHER, ONE).difference.value == pytest.approx(-test.difference.value)


def test_equal_differences_have_no_p() -> None:
    assert math.isnan(paired_test([1.1, 2.1, 3.1], [1.0, 2.0, 3.0]).p)
    with pytest.raises(ValueError, match="zip"):
        paired_test([1.0, 2.0], [1.0])
