import pytest

from biasgan.analysis.triangle import Triangle
from biasgan.analysis.triangle_figure import triangle_figure

from .reading import lines, words

TRIANGLES = {"ours": Triangle(2**0.5, 2, 2**0.5), "theirs": Triangle(1, 4, 17**0.5), "none": Triangle(3, 10, 4)}


def test_each_apex_is_where_its_distances_meet_and_is_dropped_to_its_row() -> None:
    axes = triangle_figure(TRIANGLES, "FID").axes[0]
    assert axes.get_aspect() == 1
    sides, (apex, row) = lines(axes, "ours")
    assert sides == [[-1, 0], [0, pytest.approx(1)], [1, 0]]
    assert apex == [0, pytest.approx(1)]
    assert row[0] == 0
    assert row[1] < 0
    sides, (apex, row) = lines(axes, "theirs")
    assert sides == [[-1, 0], [-1, pytest.approx(0.5)], [1, 0]]
    assert (apex[0], row[0]) == (-1, -1)


def test_rows_are_sorted_and_say_name_and_deviation() -> None:
    axes = triangle_figure(TRIANGLES, "FID").axes[0]
    rows = [text.get_text() for text in sorted(axes.texts, key=lambda text: -text.xy[1])][3:-3]  # pyright: ignore[reportAttributeAccessIssue]
    assert rows == [
        *("theirs", "\N{MINUS SIGN}100 %"),
        *("none", "\N{MINUS SIGN}7 %, no triangle"),
        *("ours", "+0 %"),
    ]
    assert {"Where restored images are, by FID", "compressed", "original"} <= set(words(axes))


def test_an_apex_without_a_triangle_is_hollow_and_on_the_base() -> None:
    axes = triangle_figure(TRIANGLES, "FID").axes[0]
    marks = {str(line.get_label()): line for line in axes.lines if line.get_marker() not in (None, "None", "")}
    assert {name for name, mark in marks.items() if mark.get_markerfacecolor() != mark.get_color()} == {"none"}
    assert lines(axes, "none")[1][0] == [pytest.approx(-0.07), 0]


def test_all_that_is_drawn_is_within_the_picture() -> None:
    wide = {"far": Triangle(9, 2, 8), "a name of some length": Triangle(8, 2, 9), "flat": Triangle(0, 2, 2)}
    figure = triangle_figure(wide, "FID")
    figure.canvas.draw()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ValueError, match="needs one or more on a base of some length; got none"):
        triangle_figure({}, "FID")
    with pytest.raises(ValueError, match="compressed and original images do not differ for a, c"):
        triangle_figure({"a": Triangle(1, 0, 1), "b": Triangle(1, 1, 1), "c": Triangle(0, 0, 0)}, "FID")
