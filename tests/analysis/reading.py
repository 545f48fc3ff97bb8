"""What a figure says, read from its artists."""

import numpy as np
from matplotlib.axes import Axes


def words(axes: Axes) -> list[str]:
    """What is written beside things."""
    return [text.get_text() for text in axes.texts]


def lines(axes: Axes, label: str) -> list[list[list[float]]]:
    """Points of the lines and markers of a name, as [[x, y], …]."""
    return [np.asarray(line.get_xydata()).tolist() for line in axes.lines if line.get_label() == label]
