"""Mix two generators."""

from collections.abc import Mapping
from itertools import islice

import torch
from torch import Tensor


def interpolate(a: Mapping[str, Tensor], b: Mapping[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Mix weights: a + weight · (b - a). Network interpolation, Wang et al., ESRGAN, ECCVW 2018.

    Floating-point tensors are mixed and others must be equal, except that batch norm's counts of batches, which serve
    training alone, are those of b.

    Args:
        a: State dict of a generator, for instance of one trained with the pixel loss alone.
        b: State dict of another with the same names and shapes, for instance of an adversarial one.
        weight: Of b, from 0, which gives a, to 1, which gives b, both bit for bit.

    Raises:
        ValueError: If the weight is outside [0, 1], or the two are of different architectures; names the first
            differences.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is that of b and must be from 0, which gives a, to 1, which gives b; got {weight:g}.")
    kinds = [{name: (tuple(tensor.shape), tensor.dtype) for name, tensor in side.items()} for side in (a, b)]
    names = sorted(kinds[0].keys() | kinds[1].keys())
    if differing := [name for name in names if kinds[0].get(name) != kinds[1].get(name)]:
        lines = (f"  {name}: a has {said(a.get(name))}, b {said(b.get(name))}" for name in differing)
        raise ValueError(
            f"a and b are of different architectures: {len(differing)} of {len(names)} tensors differ, first\n"
            + "\n".join(islice(lines, 5))
            + "\nOnly two generators of one architecture and size can be mixed."
        )
    mixed: dict[str, Tensor] = {}
    for name, end in b.items():
        if end.is_floating_point():
            mixed[name] = torch.lerp(a[name], end, weight)
        elif name.endswith("num_batches_tracked") or torch.equal(a[name], end):
            mixed[name] = end
        else:
            raise ValueError(f"{name} is of whole numbers, which cannot be mixed, and differs between a and b.")
    return mixed


def said(tensor: Tensor | None) -> str:
    """Shape and kind of numbers of a tensor, in words."""
    return "none" if tensor is None else f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
