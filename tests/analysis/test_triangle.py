import math

import pytest

from biasgan.analysis.triangle import Triangle, deviation


@pytest.mark.parametrize("base", [0.2, 9.73])
def test_minus_hundred_zero_and_hundred_percent(base: float) -> None:
    assert deviation(0, base, base) == pytest.approx(-100)
    assert deviation(base, base, base) == pytest.approx(0)
    assert deviation(base, base, 0) == pytest.approx(100)


@pytest.mark.parametrize(("x", "y"), [(-0.4, 0.9), (0.0, 2.0), (0.25, 0.1), (-1.5, 0.3)])
def test_offset_of_the_apex_in_halves_of_the_base(x: float, y: float) -> None:
    compressed, original, restored = (-1.0, 0.0), (1.0, 0.0), (x, y)
    triangle = Triangle(math.dist(compressed, restored), math.dist(compressed, original), math.dist(restored, original))
    assert triangle.deviation == pytest.approx(100 * x)
    assert triangle.holds


def test_nan_where_compression_changed_nothing() -> None:
    assert math.isnan(deviation(1.0, 0.0, 1.0))
    assert math.isnan(Triangle(1.0, 0.0, 1.0).deviation)


@pytest.mark.parametrize(
    ("sides", "holds"),
    [
        ((3, 4, 5), True),
        ((1, 2, 3), True),
        ((1, 2, 3.01), False),
        ((10, 1, 2), False),
        ((1, 10, 2), False),
        ((1, 2, 10), False),
    ],
)
def test_triangle_inequality(sides: tuple[float, float, float], holds: bool) -> None:
    assert Triangle(*sides).holds == holds
