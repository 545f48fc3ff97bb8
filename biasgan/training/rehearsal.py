from collections.abc import Generator, Iterable
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def rehearsal(networks: Iterable[nn.Module], device: torch.device) -> Generator[None]:
    """Run networks in training mode without gradient, and have all as if that had not been.

    What they do within the block they do once more after it: buffers, such as the vectors of spectral norm and the
    running statistics of batch norm, and random numbers are as before.

    Args:
        networks: Everything that is run.
        device: Where.
    """
    buffers = [buffer for network in networks for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    devices = [device] if device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices):  # pyright: ignore[reportUnknownMemberType] - untyped in PyTorch
        yield
        for buffer, kept in zip(buffers, before, strict=True):
            buffer.copy_(kept)
    # Until 2.9 PyTorch keeps weights in half precision without their gradient.
    torch.clear_autocast_cache()
