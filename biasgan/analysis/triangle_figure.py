from collections.abc import Mapping

from matplotlib.figure import Figure

from biasgan.analysis.figures import LIGHT, SMALL, TITLE, Panel, new_figure, signed
from biasgan.analysis.triangle import Triangle

WIDTH, HEIGHT = 4.2, 3.6
"""The most that the triangles take, in inches."""
ROW = 0.23
"""Height of a method's row in inches."""


def triangle_figure(triangles: Mapping[str, Triangle], measure: str) -> Figure:
    """Draw several triangles on a common base from the compressed to the original images, as Fig. 8 and 9 do.

    Below, each apex is dropped to a row with its method's deviation, which is its offset from the middle of the base.
    Where the sides form no triangle, the apex is hollow and lies on the base. Rows are sorted, the strongest bias to
    the compressed images first.

    Args:
        triangles: Name of a method → its triangle; at least one.
        measure: What measured the distances, such as FID.

    Raises:
        ValueError: If there is no triangle, or one whose compressed and original images do not differ.
    """
    flat = [name for name, triangle in triangles.items() if triangle.compressed_original == 0]
    if flat or not triangles:
        found = f"compressed and original images do not differ for {', '.join(flat)}" if flat else "got none"
        raise ValueError(f"a picture of triangles needs one or more on a base of some length; {found}")
    rows = sorted(triangles.items(), key=lambda item: item[1].deviation)
    offsets, heights = zip(*(triangle.apex for _, triangle in rows), strict=True)
    left, right, top = min(-1, *offsets), max(1, *offsets), max(heights)
    inch = max((right - left) / WIDTH, top / HEIGHT)  # in halves of the base
    names = (0.3 + 0.075 * max(len("compressed"), *(len(name) for name in triangles))) * inch
    first, rise = -1.5 * ROW * inch, ROW * inch
    bottom = first - (len(rows) - 0.4) * rise
    edges = (
        left - names,
        right + (1.0 if all(triangle.holds for triangle in triangles.values()) else 1.6) * inch,
        bottom - rise,
        top + 0.45 * inch,
    )

    figure = new_figure((edges[1] - edges[0]) / inch, (edges[3] - edges[2]) / inch)
    figure.set_layout_engine("none")  # pyright: ignore[reportUnknownMemberType] - partial stubs
    panel = Panel(figure.subplots(gridspec_kw={"left": 0, "right": 1, "bottom": 0, "top": 1}))
    panel.axes.set(xlim=edges[:2], ylim=edges[2:], aspect="equal")
    panel.write(f"Where restored images are, by {measure}", (edges[0], edges[3]), (8, -13), size=TITLE)
    _base(panel, left, right, bottom)
    for number, (name, triangle) in enumerate(rows):
        x, y = triangle.apex
        row = first - number * rise
        color, marker = LIGHT.look(number)
        panel.line([-1, x, 1], [0, y, 0], color, 1.2, label=name)
        panel.line([x, x], [y, row], color, 0.8, ":")
        panel.line([0, x], [row, row], color, 2)
        panel.mark([x, x], [y, row], color, marker, hollow=not triangle.holds, label=name)
        panel.write(name, (left, row), (-10, 0), "right")
        text = f"{signed(triangle.deviation)} %" if triangle.holds else f"{signed(triangle.deviation)} %, no triangle"
        panel.write(text, (right, row), (10, 0))
    panel.line([-1, 1], [0, 0], LIGHT.ink, 1.5)
    return figure


def _base(panel: Panel, left: float, right: float, bottom: float) -> None:
    """The names of both ends of the base, and the scale of deviations below it."""
    for x, text in ((-1, f"{signed(-100)} %"), (0, "0"), (1, f"{signed(100)} %")):
        panel.line([x, x], [bottom, 0], LIGHT.faint, 1)
        panel.write(text, (x, bottom), (0, -7), "center", LIGHT.muted, SMALL)
    panel.write("compressed", (left, 0), (-10, 0), "right", size=TITLE)
    panel.write("original", (right, 0), (10, 0), size=TITLE)
