import math

import pytest

from biasgan.analysis.figures import LIGHT
from biasgan.analysis.rate_distortion import Curve
from biasgan.analysis.rate_distortion_figure import rate_distortion_figure

from .reading import lines, words

RATES = [0.95, 0.52, 0.28, 0.145, 0.07]
CURVES = {
    "compressed": Curve(RATES, [36.2, 33.6, 31.0, 28.6, 26.3]),
    "ours": Curve(RATES, [36.7, 34.2, 31.6, 29.2, 26.8]),
    "far": Curve(RATES, [50, 49, 48, 47, 46]),
}


def test_curves_are_drawn_by_rate_and_labelled_with_their_bd_rate() -> None:
    (axes,) = rate_distortion_figure(CURVES, "compressed", "PSNR (dB)").axes
    assert lines(axes, "ours") == [[[0.07, 26.8], [0.145, 29.2], [0.28, 31.6], [0.52, 34.2], [0.95, 36.7]]]
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bits per pixel", "PSNR (dB)")
    assert sorted(words(axes)) == [
        "compressed",
        "far\nBD-rate undefined (overlap 0 %)",
        "ours\nBD-rate \N{MINUS SIGN}14.14 %",
    ]
    colors = {str(line.get_label()): line.get_color() for line in axes.lines}
    assert colors["compressed"] == LIGHT.muted
    assert (colors["ours"], colors["far"]) == LIGHT.palette[:2]


def test_bd_rates_are_by_the_method_that_was_asked_for() -> None:
    (axes,) = rate_distortion_figure(CURVES, "compressed", "PSNR (dB)", "pchip").axes
    assert "ours\nBD-rate \N{MINUS SIGN}14.22 %" in words(axes)


@pytest.mark.parametrize("larger_is_better", [True, False])
def test_up_is_better(larger_is_better: bool) -> None:
    sign = 1 if larger_is_better else -1
    turned = {
        name: Curve(curve.bits_per_pixel, [sign * value for value in curve.values], larger_is_better)
        for name, curve in CURVES.items()
    }
    (axes,) = rate_distortion_figure(turned, "compressed", "metric").axes
    assert axes.yaxis.get_inverted() == (not larger_is_better)
    assert ("lower is better" in axes.get_ylabel()) == (not larger_is_better)
    heights = [axes.transData.transform((0.1, value))[1] for value in turned["ours"].values]
    assert heights == sorted(heights, reverse=True)


def test_rates_are_written_out() -> None:
    figure = rate_distortion_figure(CURVES, "compressed", "PSNR (dB)")
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    shown = [float(label.get_text()) for label in figure.axes[0].get_xticklabels()]
    assert [tick for tick in shown if low < tick < high] == [0.1, 0.2, 0.5, 1]


def test_values_that_are_missing_are_gaps() -> None:
    curves = CURVES | {"gap": Curve(RATES, [math.nan, 34, 31, 29, 27])}
    figure = rate_distortion_figure(curves, "compressed", "PSNR (dB)")
    figure.canvas.draw()
    assert "gap\nBD-rate undefined (test has values that are not finite)" in words(figure.axes[0])
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert 0 < box.y0 < box.y1 < figure.bbox.height
    with pytest.raises(ValueError, match="no finite value to draw of gap; leave it out"):
        rate_distortion_figure(CURVES | {"gap": Curve([1, 2], [math.nan, math.inf])}, "compressed", "PSNR (dB)")


def test_the_anchor_is_one_of_the_curves() -> None:
    with pytest.raises(ValueError, match="the anchor must be one of the curves compressed, ours, far; got original"):
        rate_distortion_figure(CURVES, "original", "PSNR (dB)")
    with pytest.raises(ValueError, match="there are none"):
        rate_distortion_figure({}, "original", "PSNR (dB)")
