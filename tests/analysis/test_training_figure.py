import numpy as np
import pytest

from biasgan.analysis.figures import LIGHT
from biasgan.analysis.training_figure import POINTS, thinned, training_figure

ROWS = [{"iteration": 10.0, "generator/pixel": 0.1}, {"iteration": 20.0, "generator/pixel": 0.05, "valid/psnr": 30.0}]


def test_panels_are_those_that_were_logged_with_a_line_a_seed() -> None:
    figure = training_figure({"ours": [ROWS, ROWS], "theirs": [[{"iteration": 5.0, "valid/psnr": 29.0}]]})
    assert figure is not None
    loss, psnr = figure.axes
    assert loss.get_title("left") == "pixel loss, weighted"
    assert psnr.get_title("left") == "PSNR on validation images, dB"
    assert loss.get_yscale() == "log"
    ours = [line for line in loss.lines if line.get_label() == "ours"]
    assert [np.asarray(line.get_xydata()).tolist() for line in ours] == [[[10, 0.1], [20, 0.05]]] * 2
    assert {line.get_color() for line in ours} == {LIGHT.palette[0]}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "theirs"]


def test_methods_of_one_colour_differ_in_style() -> None:
    figure = training_figure({str(number): [ROWS] for number in range(8)})
    assert figure is not None
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 8


def test_a_loss_that_is_nought_has_no_logarithm() -> None:
    figure = training_figure({"ours": [[{"iteration": 1.0, "generator/pixel": 0.0}]]})
    assert figure is not None
    assert figure.axes[0].get_yscale() == "linear"


def test_without_any_of_it_there_is_no_figure() -> None:
    assert training_figure({"ours": [[{"iteration": 1.0, "else": 1.0}], []]}) is None


def test_long_logs_are_thinned_by_averages() -> None:
    rows = [{"iteration": float(number), "a": 2.0 * number} for number in range(10 * POINTS)]
    x, y = thinned(rows, "a")
    assert len(x) == POINTS
    assert x[:2].tolist() == [4.5, 14.5]
    assert (y == 2 * x).all()
    x, y = thinned(rows[:3], "a")
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [0, 2, 4])
    assert thinned(rows, "b")[0].shape == (0,)
    assert pytest.approx(float(thinned(rows, "a")[1].mean())) == 2 * (10 * POINTS - 1) / 2


@pytest.mark.parametrize("iterations", [(11, 12), (12,)])
def test_iterations_are_whole(iterations: tuple[int, ...]) -> None:
    figure = training_figure({"a": [[{"iteration": number, "valid/psnr": 30.0} for number in iterations]]})
    assert figure is not None
    ticks = figure.axes[0].get_xticks()
    assert len(ticks)
    assert all(float(tick).is_integer() for tick in ticks)
