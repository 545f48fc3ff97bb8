import numpy as np
import pytest

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
