import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from biasgan.evaluation.bootstrap import RESAMPLES, Bootstrap

VALUES = np.random.default_rng(4).gamma(2, size=60)


def test_of_many_images_it_is_the_interval_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).exponential(size=500)
    interval = Bootstrap(500).interval(values)
    reach = 1.95996 * values.std() / 500**0.5
    assert interval == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.06 * reach)


def test_it_agrees_with_scipy() -> None:
    other = scipy_bootstrap(
        (VALUES,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    width = other.high - other.low
    assert Bootstrap(60).interval(VALUES) == pytest.approx((other.low, other.high), abs=0.03 * width)


def test_two_images_give_three_means() -> None:
    means = Bootstrap(2).means([0.0, 1.0])
    shares = [np.mean(means == value) for value in (0, 0.5, 1)]
    assert len(means) == RESAMPLES
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)
    assert Bootstrap(2).interval([0.0, 1.0]) == (0, 1)


def test_all_quantities_see_the_same_draws() -> None:
    bootstrap = Bootstrap(60)
    table = np.stack([VALUES, VALUES + 3, 2 * VALUES], axis=1)
    means = bootstrap.means(table)
    assert means.shape == (RESAMPLES, 3)
    np.testing.assert_allclose(means[:, 0], bootstrap.means(VALUES), rtol=1e-12)
    assert bootstrap.percentiles(means[:, 1] - means[:, 0]) == pytest.approx((3, 3))
    assert bootstrap.percentiles(means[:, 2] / means[:, 0]) == pytest.approx((2, 2))


def test_the_seed_decides() -> None:
    assert Bootstrap(60).interval(VALUES) == Bootstrap(60, 0).interval(VALUES)
    assert Bootstrap(60, 1).interval(VALUES) != Bootstrap(60).interval(VALUES)


@pytest.mark.parametrize("values", [[2.0], [1.0, np.inf], [1.0, np.nan], [np.inf, -np.inf]])
def test_without_numbers_to_draw_from_there_is_no_interval(values: list[float]) -> None:
    assert Bootstrap(len(values)).interval(values) is None


def test_every_image_needs_a_value() -> None:
    with pytest.raises(ValueError, match="expected a value for each of 3 images; got 2"):
        Bootstrap(3).means([1.0, 2.0])
