import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from biasgan.analysis.disparity import Disparity, pixel_distance
from biasgan.losses.perceptual import feature_distance
from biasgan.networks.vgg_features import VGGFeatures


def patches() -> tuple[torch.Tensor, torch.Tensor]:
    """Compressed patches, and originals that differ more and more from them."""
    compressed, noise = torch.rand(2, 6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return compressed, compressed + noise * torch.linspace(0.1, 1, 6)[:, None, None, None]


def test_pixels_by_hand() -> None:
    one = torch.tensor([0.0, 0.5, 1.0, 0.25]).reshape(2, 1, 1, 2).expand(2, 3, 1, 2)
    distance = pixel_distance(one.bfloat16(), torch.zeros(2, 3, 1, 2))
    assert distance.tolist() == [0.25, 0.625]
    assert distance.dtype == torch.float32


def test_each_patch_is_held_against_its_compressed_version() -> None:
    compressed, original = patches()
    disparity = Disparity.measured(pixel_distance, compressed, compressed + 0.25, original)
    assert disparity.restored.tolist() == pytest.approx([0.25] * 6)
    assert disparity.original.tolist() == pytest.approx((original - compressed).mean((1, 2, 3)).tolist(), rel=1e-5)


@pytest.mark.parametrize(("share", "nearer"), [(0.0, 100), (0.5, 100), (1.0, 0), (1.5, 0)])
def test_the_slope_is_the_share_of_the_way_to_the_original(share: float, nearer: float) -> None:
    """Exact by pixels and by the features of a linear layer; 1 on the identity line, 0 where nothing was done."""
    compressed, original = patches()
    restored = compressed if share == 0 else original if share == 1 else compressed + share * (original - compressed)
    layers = {"conv1_1": 1.0}
    extract = VGGFeatures(list(layers), "random")
    for disparity in (
        Disparity.measured(pixel_distance, compressed, restored, original),
        Disparity.measured(partial(feature_distance, layers=layers), *map(extract, (compressed, restored, original))),
    ):
        slope, intercept, r_squared = disparity.line
        assert slope == pytest.approx(share, abs=1e-4)
        assert intercept == pytest.approx(0, abs=1e-4)
        assert math.isnan(r_squared) if share == 0 else r_squared == pytest.approx(1)
        assert disparity.nearer == nearer


def test_the_line_is_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    x = random.gamma(3, 0.01, 200)
    y = 0.7 * x + 0.002 + random.normal(0, 0.004, 200)
    slope, intercept, correlation = list(linregress(x, y))[:3]
    line = Disparity(x, y).line
    assert (line.slope, line.intercept, line.r_squared**0.5) == pytest.approx((slope, intercept, correlation))


@pytest.mark.parametrize("original", [[], [0.1], [0.1, 0.1, 0.1], [0.0, 0.0, 0.0]])
def test_points_that_determine_no_line_have_none(original: list[float]) -> None:
    line = Disparity(np.array(original), np.linspace(0, 1, len(original))).line
    assert all(math.isnan(value) for value in line)


def test_nearer_counts_what_is_below_the_identity_line() -> None:
    assert Disparity(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 2.0, 3.5, 3.9])).nearer == 50


def test_images_are_joined_in_order() -> None:
    parts = [Disparity(np.array([1.0, 2.0]), np.array([3.0, 4.0])), Disparity(np.array([5.0]), np.array([6.0]))]
    joined = Disparity.joined(iter(parts))
    assert joined.original.tolist() == [1, 2, 5]
    assert joined.restored.tolist() == [3, 4, 6]
    with pytest.raises(ValueError, match="no disparities to join"):
        Disparity.joined([])
