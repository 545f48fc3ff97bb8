from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.disparity_figure import disparity_figure

from .reading import lines, words

X = np.array([0.1, 0.2, 0.4])


def test_points_lines_and_labels_are_those_of_the_data() -> None:
    figure = disparity_figure(
        {"pixels": {"a": Disparity(X, 0.5 * X + 0.1)}, "features": {"b": Disparity(9 * X, 9 * X)}}
    )
    pixels, features = figure.axes
    assert [axes.get_title("left") for axes in (pixels, features)] == ["pixels", "features"]
    assert np.column_stack([X, 0.5 * X + 0.1]).tolist() in [
        np.asarray(line.get_xydata()).tolist() for line in pixels.lines
    ]
    (line,) = lines(pixels, "a")
    assert np.allclose(line, [[0.1, 0.15], [0.4, 0.3]])
    assert words(pixels)[0] == "a\nslope 0.50, r² 1.00"
    assert words(features)[0] == "b\nslope 1.00, r² 1.00"
    assert pixels.get_xlabel() == (
        "distance of the original from the compressed\n(below the dashed line, the restored is nearer)"
    )
    assert len(words(pixels)) == 1  # nothing lies over the points
    assert pixels.get_ylabel() == "distance of the restored from the compressed"


def test_both_axes_have_one_scale_and_the_identity_line_halves_them() -> None:
    (axes,) = disparity_figure({"pixels": {"a": Disparity(X, 3 * X)}}).axes
    assert axes.get_aspect() == 1
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[1] > 1.2
    assert lines(axes, "identity") == [[[0, 0], [axes.get_xlim()[1]] * 2]]


def test_points_that_determine_no_line_are_shown_without() -> None:
    (axes,) = disparity_figure({"pixels": {"same": Disparity(np.zeros(3), np.zeros(3))}}).axes
    assert lines(axes, "same") == []
    assert words(axes)[0] == "same\nno line"


@pytest.mark.parametrize("panels", [{}, {"pixels": {}}])
def test_something_is_needed(panels: dict[str, dict[str, Disparity]]) -> None:
    with pytest.raises(ValueError, match="one or more distances, each by one or more methods"):
        disparity_figure(panels)


def test_of_many_patches_some_are_drawn_and_all_make_the_line() -> None:
    x = np.linspace(1, 2, 101)
    disparity = Disparity(x, np.where(np.arange(101) % 2, x, 0.5 * x))
    (axes,) = disparity_figure({"pixels": {"a": disparity}}, most=6).axes
    (dots,) = (line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(dots.get_xydata()).tolist() == [[1 + n / 5, 0.5 * (1 + n / 5)] for n in range(6)]
    (line,) = lines(axes, "a")
    assert line[0][1] == pytest.approx(disparity.line.slope + disparity.line.intercept)


def test_labels_of_many_methods_do_not_touch() -> None:
    methods = {f"a name\nof two lines {number}": Disparity(X, (0.5 + number / 1000) * X) for number in range(6)}
    figure = disparity_figure({"pixels": methods, "features": methods})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
        assert boxes[0].y0 >= 0
        assert boxes[-1].y1 <= canvas.get_width_height()[1]
    assert (
        len({(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines if line.get_label() in methods})
        == 6
    )
