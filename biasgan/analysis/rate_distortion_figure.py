from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from biasgan.analysis.figures import LIGHT, MINUS, End, Panel, new_figure
from biasgan.analysis.rate_distortion import Curve, Delta, Method, bd_rate


def rate_distortion_figure(curves: Mapping[str, Curve], anchor: str, metric: str, method: Method = "cubic") -> Figure:
    """Draw what a metric gives for the bits that are spent, with BD-rates against an anchor: Fig. 7 and Tab. 4.

    Rates are logarithmic, as BD-rates take them; up is better, whatever the metric's direction.

    Args:
        curves: Name → curve, all of one metric, the anchor's among them.
        anchor: Name of what the others are compared with, drawn in grey.
        metric: Name of the metric, with its unit.
        method: How BD-rates make curves of points.

    Raises:
        ValueError: If there is no curve of the anchor's name, a curve of a metric with the other direction,
            or one without a single finite value.
    """
    if anchor not in curves:
        raise ValueError(
            f"the anchor must be one of the curves {', '.join(curves) or '(there are none)'}; got {anchor}"
        )
    empty = [name for name, curve in curves.items() if not np.isfinite(curve.values).any()]
    if empty:
        raise ValueError(f"there is no finite value to draw of {', '.join(empty)}; leave it out")
    larger_is_better = curves[anchor].larger_is_better
    figure = new_figure(6.4, 3.9)
    panel = Panel(figure.subplots(), ("left", "bottom"), grid="both")
    panel.name("", "bits per pixel", metric if larger_is_better else f"{metric} (upside down: lower is better)")
    ends: list[End] = []
    methods = [name for name in curves if name != anchor]
    for name, curve in curves.items():
        color, marker = (LIGHT.muted, "o") if name == anchor else LIGHT.look(methods.index(name))
        rates, values = np.sort(curve.bits_per_pixel), curve.values_by_rate
        panel.line(rates, values, color, label=name)
        panel.mark(rates, values, color, marker)
        text = name if name == anchor else f"{name}\n{_described(bd_rate(curves[anchor], curve, method))}"
        last = np.flatnonzero(np.isfinite(values))[-1]
        ends.append(End((float(rates[last]), float(values[last])), text, color))
    _scale(panel.axes, larger_is_better)
    panel.label_ends(ends)
    return figure


def _described(delta: Delta) -> str:
    """A BD-rate in a few words, with the first reason to doubt it."""
    doubt = f" ({delta.flags[0]})" if delta.flags else ""
    return f"BD-rate {delta.text.replace('-', MINUS)}{doubt}"


def _scale(axes: Axes, larger_is_better: bool) -> None:
    """Rates by their logarithm, written out; the better values above."""
    axes.set_xscale("log")  # pyright: ignore[reportUnknownMemberType] - partial stubs
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    if not larger_is_better:
        axes.invert_yaxis()
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
