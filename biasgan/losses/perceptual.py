from collections.abc import Mapping

import torch
from torch import Tensor


def feature_distance(a: Mapping[str, Tensor], b: Mapping[str, Tensor], layers: Mapping[str, float]) -> Tensor:
    """Weighted sum over layers of the mean absolute difference of features, for each sample, in float32.

    Args:
        a: Name of a layer → its features, (N, channels, height, width).
        b: The same of the other images.
        layers: Name of a layer → its weight; at least one. Other layers in `a` and `b` do not count.

    Returns:
        (N,), each ≥ 0 for weights ≥ 0.

    Examples:
        >>> import torch
        >>> from biasgan import VGGFeatures, feature_distance
        >>> layers = {"conv1_2": 0.1, "conv2_2": 1.0}
        >>> features = VGGFeatures(list(layers), "random")
        >>> image = torch.rand(2, 3, 16, 16)
        >>> feature_distance(features(image), features(image), layers)
        tensor([0., 0.])
    """
    distances = [
        weight * (a[layer].float() - b[layer].float()).abs().mean((1, 2, 3)) for layer, weight in layers.items()
    ]
    return torch.stack(distances).sum(0)


def perceptual_loss(
    restored: Mapping[str, Tensor], original: Mapping[str, Tensor], layers: Mapping[str, float]
) -> Tensor:
    """Mean over the batch of the distance in feature space: L_percept of eq. 5.

    Args:
        restored: Name of a layer → features of the restored images, (N, channels, height, width).
        original: The same of the originals.
        layers: Name of a layer → its weight; at least one.

    Returns:
        A scalar ≥ 0 for weights ≥ 0.

    Examples:
        >>> import torch
        >>> from biasgan import VGGFeatures, perceptual_loss
        >>> layers = {"conv1_2": 0.1, "conv2_2": 1.0}
        >>> features = VGGFeatures(list(layers), "random")
        >>> image = torch.rand(2, 3, 16, 16)
        >>> perceptual_loss(features(image), features(image), layers)
        tensor(0.)
    """
    return feature_distance(restored, original, layers).mean()
