import numpy as np
import pytest
import torch

from biasgan.analysis.residual import residual, residual_figure

COMPRESSED = torch.full((3, 8, 12), 0.5)
ORIGINAL = COMPRESSED + torch.tensor([0.06, -0.03, 0.0])[:, None, None]


def test_residuals_are_mean_absolute_levels() -> None:
    levels = residual(ORIGINAL.bfloat16().float(), COMPRESSED)
    assert levels.shape == (8, 12)
    assert np.allclose(residual(ORIGINAL, COMPRESSED), 255 * 0.03, atol=1e-4)
    assert not residual(COMPRESSED, COMPRESSED).any()


def test_panels_show_their_residuals_on_one_scale() -> None:
    restored = COMPRESSED + 0.25 * (ORIGINAL - COMPRESSED)
    figure = residual_figure(COMPRESSED, ORIGINAL, {"ours": restored})
    pictures = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title("left") for axes in pictures] == [
        "compressed\n",
        "ours\n1.9 from compressed",
        "ours\n5.7 from original",
        "original\n7.7 from compressed",
    ]
    compressed, ours, missing, original = (np.asarray(axes.images[0].get_array()) for axes in pictures)
    assert np.array_equal(compressed, np.full((8, 12, 3), 128))
    assert np.allclose(ours, residual(restored, COMPRESSED))
    assert np.allclose(missing, residual(restored, ORIGINAL))
    assert np.allclose(original, residual(ORIGINAL, COMPRESSED))
    assert [axes.images[0].get_clim() for axes in pictures[1:]] == [(0, 255 / 8)] * 3
    (scale,) = (axes for axes in figure.axes if not axes.images)
    assert scale.get_ylabel() == "8-bit levels, amplified 8 times"
    assert scale.get_ylim() == (0, 255 / 8)


def test_one_size_and_something_restored_are_needed() -> None:
    with pytest.raises(ValueError, match=r"size \(3, 8, 12\); original is \(3, 8, 8\); b is \(3, 4, 12\)"):
        residual_figure(COMPRESSED, ORIGINAL[..., :8], {"a": COMPRESSED, "b": COMPRESSED[:, :4]})
    with pytest.raises(ValueError, match="got no restored image"):
        residual_figure(COMPRESSED, ORIGINAL, {})
