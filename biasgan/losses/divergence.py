from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from biasgan.losses.process_mean import process_mean


def feature_divergence(
    restored: Mapping[str, Tensor],
    original: Mapping[str, Tensor],
    compressed: Mapping[str, Tensor],
    layers: Mapping[str, float],
    per: Literal["sample", "batch", "element"] = "sample",
) -> Tensor:
    """How much closer features of restored images are to the compressed ones' than the originals' are: eq. 6 to 8.

    For each layer max(0, D_CR - D_CE), with D_CR the mean absolute difference between the features of original and
    compressed, D_CE that between restored and compressed; then the weighted sum over layers. It is D_CR where restored
    equals compressed, and 0 where restored is at least as far from compressed as the original is. Only `restored`
    gets a gradient. Computed in float32.

    The paper names one layer and leaves open over what D is averaged before the two are compared. The default
    compares them for each sample, because its analysis (Fig. 6) does; over a batch, samples that went too far would
    hide those that did not go at all, and single elements would be rewarded for noise.

    Args:
        restored: Name of a layer → features of the restored images, (N, channels, height, width).
        original: The same of the originals.
        compressed: The same of the compressed images.
        layers: Name of a layer → its weight; at least one.
        per: What D_CR and D_CE are compared for: each sample, the batch of all processes as a whole, or each element
            of the features.

    Returns:
        A scalar ≥ 0 for weights ≥ 0.

    Raises:
        ValueError: If `per` is none of the three.
    """
    shortfalls = [
        _shortfall(restored[layer], original[layer].detach(), compressed[layer].detach(), per) for layer in layers
    ]
    if per == "batch":
        shortfalls = process_mean(torch.stack(shortfalls)).unbind()
    terms = [weight * each.relu().mean() for weight, each in zip(layers.values(), shortfalls, strict=True)]
    return torch.stack(terms).sum()


def _shortfall(
    restored: Tensor, original: Tensor, compressed: Tensor, per: Literal["sample", "batch", "element"]
) -> Tensor:
    base = compressed.float()
    shortfall = (original.float() - base).abs() - (restored.float() - base).abs()
    match per:
        case "sample":
            return shortfall.mean((1, 2, 3))
        case "batch":
            return shortfall.mean()
        case "element":
            return shortfall
        case _:
            raise ValueError(f"divergence is compared per 'sample', 'batch' or 'element', got {per!r}")
