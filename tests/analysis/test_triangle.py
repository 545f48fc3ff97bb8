import math

import pytest
import torch

from biasgan.analysis.disparity import pixel_distance
from biasgan.analysis.triangle import Triangle, deviation, side_lengths
from biasgan.losses.perceptual import feature_distance
from biasgan.networks.vgg_features import VGGFeatures


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
    assert triangle.apex == pytest.approx((x, y))
    assert triangle.holds


def test_nan_where_compression_changed_nothing() -> None:
    assert math.isnan(deviation(1.0, 0.0, 1.0))
    assert math.isnan(Triangle(1.0, 0.0, 1.0).deviation)
    assert all(math.isnan(value) for value in Triangle(1.0, 0.0, 1.0).apex)


def test_sides_without_a_triangle_have_their_apex_on_the_base() -> None:
    """3 and 4 do not meet over 10; the deviation is that of eq. 1 all the same."""
    assert Triangle(3, 10, 4).apex == pytest.approx((-0.07, 0))
    assert Triangle(0, 2, 2).apex == pytest.approx((-1, 0))
    assert Triangle(2, 2, 0).apex == pytest.approx((1, 0))


@pytest.mark.parametrize(("share", "percent"), [(0.0, -100), (0.5, 0), (1.0, 100)])
def test_restored_as_compressed_midway_and_as_original(share: float, percent: float) -> None:
    """By the pixels and by features of real networks, along the way from compressed to original."""
    compressed, original = torch.rand(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    restored = compressed + share * (original - compressed)
    pixels = Triangle.measured(lambda a, b: pixel_distance(a, b).item(), compressed, restored, original)
    assert pixels.deviation == pytest.approx(percent, abs=1e-4)
    # The first convolution is linear, so midway stays midway.
    extract = VGGFeatures(["conv1_1"], "random")
    features = (extract(image) for image in (compressed, restored, original))
    triangle = Triangle.measured(lambda a, b: feature_distance(a, b, {"conv1_1": 1.0}).item(), *features)
    assert triangle.deviation == pytest.approx(percent, abs=1e-3)
    assert triangle.compressed_original == pytest.approx(triangle.compressed_restored + triangle.restored_original)


def test_each_side_is_measured_between_its_ends() -> None:
    assert Triangle.measured(lambda a, b: abs(a - b), 1.0, 4.0, 9.0) == Triangle(3.0, 8.0, 5.0)


def test_the_mean_triangle_has_the_mean_sides() -> None:
    triangles = [Triangle(1, 4, 3), Triangle(0, 0.5, 0.5)]
    assert Triangle.mean(iter(triangles)) == Triangle(0.5, 2.25, 1.75)
    assert Triangle.mean(triangles).deviation != pytest.approx(sum(t.deviation for t in triangles) / 2)
    with pytest.raises(ValueError, match="no triangles to average; expected one for each image"):
        Triangle.mean([])


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


def test_sides_of_many_triangles_are_in_order() -> None:
    compressed, restored, original = (torch.tensor(each) for each in ([0.0, 1.0], [1.0, 3.0], [5.0, 9.0]))
    sides = side_lengths(lambda one, other: (one - other).abs(), compressed, restored, original)
    assert sides.tolist() == [[1, 5, 4], [2, 8, 6]]
