from typing import Any

import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function


class _ProcessMean(Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's
        return _averaged(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's
        # The loss of all is the mean of the processes' losses, and each of them depends on each process's value by
        # 1 / processes: what the loss of all changes by a process's value is the mean of the gradients, divided by
        # their number. That division is DDP's, which averages the gradients of parameters.
        return _averaged(gradients[0])


def process_mean(value: Tensor) -> Tensor:
    """Mean over all processes that train together of a value that each of them has, with gradient.

    For what a loss does to a mean over the batch beside averaging it: the batch is that of all processes, each of which
    has as many samples. Every process must call it, and go back through it, equally often and in the same order.

    Args:
        value: Of this process, any shape.

    Returns:
        The same shape, equal on all processes; of a process on its own the value itself. Gradients suit losses that
        are means over the samples of each process, whose gradients are averaged, as DDP does.
    """
    if not dist.is_available() or not dist.is_initialized():
        return value
    return _ProcessMean.apply(value)  # pyright: ignore[reportUnknownMemberType, reportReturnType] - untyped in PyTorch


def _averaged(value: Tensor) -> Tensor:
    total = value.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()
