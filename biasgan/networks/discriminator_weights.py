"""Load the discriminators that others trained."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.io.state_dicts import unwrapped


def fitted(weights: Mapping[str, Tensor], discriminator: nn.Module, channels: int) -> dict[str, Tensor]:
    """Weights of a discriminator, published or our own, as a given one has them in its state dict.

    Spectral norm as the published code has it, by the older hook of PyTorch (`weight_orig`), becomes its
    parametrisation; in evaluation mode the logits are the same. A discriminator of images alone, three channels, fits
    one that is shown more in front of them, as the compressed image is: that has no say at first, so the logits are the
    same whatever it is. Weights that differ otherwise are left as they are.

    Args:
        weights: By name.
        discriminator: Gives the names, and how many inputs its layers have; it is not changed.
        channels: What it is shown, those of the candidate included.

    Raises:
        ValueError: If the weights need something that this discriminator is not shown.
    """
    own = discriminator.state_dict()
    result = dict(unwrapped(with_parametrised_norm(weights), list(own)))
    different = [name for name in result if name in own and result[name].shape != own[name].shape]
    if not all(differ_in_inputs(name, result[name], own[name]) for name in different):
        return result
    for name in different:
        tensor, dim = result[name], input_dim(result[name])
        inputs, room = tensor.shape[dim], own[name].shape[dim]
        if inputs > room:
            raise ValueError(
                f"It was trained on more channels than this discriminator takes ({name} has {inputs} inputs instead of "
                f"{room}): on the compressed image and the candidate, or others. Choose method=conditional or "
                "method=full, or the mitigations of its training."
            )
        if room * 3 == inputs * channels:
            zeros = tensor.new_zeros((*tensor.shape[:dim], room - inputs, *tensor.shape[dim + 1 :]))
            result[name] = torch.cat([zeros, tensor], dim)
    return result


def differ_in_inputs(name: str, tensor: Tensor, other: Tensor) -> bool:
    """Whether a layer differs from another of that name in the number of its inputs alone."""
    if tensor.ndim != other.ndim or (tensor.ndim < 2 and not name.endswith("._v")):
        return False
    dim = input_dim(tensor)
    return tensor.shape[:dim] == other.shape[:dim] and tensor.shape[dim + 1 :] == other.shape[dim + 1 :]


def input_dim(tensor: Tensor) -> int:
    """Which dimension goes over the inputs of a layer: of a weight the second, of spectral norm's vector v its only."""
    return min(tensor.ndim, 2) - 1


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
