"""Load the discriminators that others trained."""

from collections.abc import Iterable, Mapping
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from biasgan.state_dicts import unwrapped


def fitted(weights: Mapping[str, Tensor], discriminator: nn.Module) -> dict[str, Tensor]:
    """Weights of a discriminator, published or our own, as a given one has them in its state dict.

    Spectral norm as the published code has it, by the older hook of PyTorch (`weight_orig`), becomes its
    parametrisation; in evaluation mode the logits are the same. A discriminator of images, three channels, fits one
    that is shown the compressed image too: it has no say at first, so the logits are the same whatever it is.

    Args:
        weights: By name.
        discriminator: Gives the names, and the channels that its first convolution takes; it is not changed.

    Raises:
        ValueError: If the weights need a compressed image that this discriminator is not shown.
    """
    layers = cast(Iterable[tuple[str, nn.Module]], discriminator.named_modules())
    first = next(name for name, layer in layers if isinstance(layer, nn.Conv2d)) + ".weight"
    result = dict(unwrapped(with_parametrised_norm(weights), list(discriminator.state_dict())))
    if first in result and result[first].ndim == 4:
        shown, room = result[first].shape[1], discriminator.get_parameter(first).shape[1]
        if (shown, room) == (6, 3):
            raise ValueError(
                "It was trained on 6 channels, the compressed image and the candidate, and this discriminator takes "
                "the candidate alone. Choose method=conditional or method=full."
            )
        if (shown, room) == (3, 6):
            # The compressed image comes first.
            result[first] = functional.pad(result[first], (0, 0, 0, 0, 3, 0))
    return result


def with_parametrised_norm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename what the older spectral norm keeps; files of its first version have the normalised weight instead of v."""
    result = dict(weights)
    for name in [name for name in weights if name.endswith(".weight_orig")]:
        weight = name.removesuffix("_orig")
        new = f"{weight.removesuffix('weight')}parametrizations.weight"
        result.pop(weight, None)
        original = result[f"{new}.original"] = result.pop(name)
        u = result[f"{new}.0._u"] = result.pop(f"{weight}_u")
        v = result.pop(f"{weight}_v", None)
        # What a step of the power iteration would make of u.
        result[f"{new}.0._v"] = functional.normalize(original.flatten(1).T @ u, dim=0) if v is None else v
    return result
