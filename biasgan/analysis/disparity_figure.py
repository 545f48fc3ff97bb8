import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.figures import LIGHT, End, Panel, label_height, new_figure

HEIGHT = 2.4
"""Of the axes in inches, which their width leaves beside the labels."""
STYLES = ("-", "-.")
"""Of lines: another one where the palette begins anew."""


def disparity_figure(panels: Mapping[str, Mapping[str, Disparity]], most: int | None = None) -> Figure:
    """Draw the disparity of restored patches over that of the originals, with regression lines: Fig. 6.

    Below the dashed identity line, restored patches are nearer to the compressed ones than the originals are.

    Args:
        panels: Name of a distance, such as "pixels" → name of a method → its disparity; at least one of each.
        most: Patches of a method that are drawn, evenly spread; None draws all. Lines are those of all.

    Raises:
        ValueError: If there is nothing to draw.
    """
    if not panels or not all(panels.values()):
        raise ValueError("a picture of disparities needs one or more distances, each by one or more methods; got none")
    labels = max(len(methods) * label_height([f"{name}\n" for name in methods]) for methods in panels.values())
    figure = new_figure(0.1 + 4.6 * len(panels), max(3.5, 1.1 + labels))
    for axes, (distance, methods) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        panel = Panel(axes, ("left", "bottom"))
        panel.name(
            distance,
            "distance of the original from the compressed\n(below the dashed line, the restored is nearer)",
            "distance of the restored from the compressed",
        )
        _draw(panel, methods, most)
    return figure


def _draw(panel: Panel, methods: Mapping[str, Disparity], most: int | None) -> None:
    """Draw the points, lines and labels of one distance."""
    edge = 1.04 * max(float(values.max()) for disparity in methods.values() for values in disparity) or 1.0
    panel.axes.set(xlim=(0, edge), ylim=(0, edge), aspect="equal")
    panel.line([0, edge], [0, edge], LIGHT.muted, 1, "--", "identity")
    ends: list[End] = []
    for number, (name, disparity) in enumerate(methods.items()):
        color, _ = LIGHT.look(number)
        count = len(disparity.original)
        drawn = np.linspace(0, count - 1, min(count, most or count)).round().astype(int)
        panel.dots(disparity.original[drawn], disparity.restored[drawn], color)
        slope, intercept, r_squared = disparity.line
        reach = np.array([disparity.original.min(), disparity.original.max()])
        if math.isnan(slope):
            end, text = float(disparity.restored.mean()), "no line"
        else:
            panel.line(reach, slope * reach + intercept, color, 2, STYLES[number // len(LIGHT.palette) % 2], name)
            end, text = slope * reach[1] + intercept, f"slope {slope:.2f}, r² {r_squared:.2f}"
        ends.append(End((float(reach[1]), end), f"{name}\n{text}", color))
    panel.label_ends(ends, HEIGHT)
