"""Numbers that are refused when they are given, and not in the iteration that uses them."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biasgan.networks.vgg_features import VGGFeatures


def check_number(name: str, value: object, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse what is no number in a range.

    Args:
        name: Of the option.
        value: What was given.
        least: Smallest good value.
        most: Largest good value.

    Raises:
        ValueError: Names the option, what was expected and what came.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(number) and least <= number <= most):
        limits = f"from {least:g} " + (f"to {most:g}" if most < math.inf else "on")
        raise ValueError(f"{name} must be a number {limits}; got {value!r}.")


def check_parts(batch: int, accumulate: int) -> None:
    """Refuse a batch that cannot be cut into equal parts.

    Raises:
        ValueError: Says what to choose.
    """
    if batch % accumulate:
        raise ValueError(
            f"A batch of {batch} cannot be cut into accumulate={accumulate} equal parts; choose a batch_size that it "
            "divides."
        )


def check_layers(name: str, layers: Mapping[str, float], features: "VGGFeatures") -> None:
    """Refuse weights of layers that the feature network does not give.

    Args:
        name: Of the option.
        layers: Name of a layer → its weight.
        features: The feature network.

    Raises:
        ValueError: Names the option, the layer and those that there are.
    """
    there = features.wanted.values()
    missing = [layer for layer in layers if layer not in there]
    if missing or not layers:
        raise ValueError(
            f"{name} must name layers that the feature network gives, {', '.join(there)}; got "
            f"{', '.join(missing) or 'none'}. It gives those of features.layers, which may have the weight 0 there."
        )
    for layer, weight in layers.items():
        check_number(f"{name}.{layer}", weight)
