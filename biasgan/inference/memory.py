import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from biasgan.networks.any_size import restore

PROBED = (1, 3, 96, 96)
"""Shape of the image that shows how much memory a network takes."""
MEMINFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")
UNTOLD = 2**31
"""Bytes that are taken to be free where the system tells nothing."""
MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")
"""What PyTorch says in errors of no kind of their own."""


def free_memory(device: torch.device) -> int:
    """Bytes that tensors on a device may take now, as far as the system tells."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(_free_in_machine(), _free_in_container())


def _free_in_machine() -> int:
    if MEMINFO.is_file():
        lines = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    # Where the system does not say what is free, half of what there is; Windows does not say that either.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if hasattr(os, "sysconf") else UNTOLD


def _free_in_container() -> int:
    try:
        limit, used = ((CONTROL_GROUP / name).read_text() for name in ("memory.max", "memory.current"))
        return max(int(limit) - int(used), 0)
    except (OSError, ValueError):
        # No control group, or one without a limit: "max".
        return 2**63


@torch.inference_mode()
def bytes_per_pixel(network: nn.Module, device: torch.device) -> float:
    """Most memory that the tensors of a forward pass take at once, for each pixel of an image, counted on a small one.

    What the device's libraries take for themselves is not counted.
    """
    image = torch.zeros(PROBED, device=device).contiguous(memory_format=torch.channels_last)
    with LiveBytes() as live:
        restore(network, image)
    return live.peak / image[0, 0].numel()


class LiveBytes(TorchFunctionMode):
    """Counts the bytes of the tensors that functions of PyTorch return within it and that still exist.

    What a function holds while it runs is not seen. A mode beneath functions would see it, and would first import a
    large part of PyTorch's compiler.

    Attributes:
        peak: The most so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._counted = weakref.WeakSet[torch.UntypedStorage]()

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: Iterable[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Call a function and count what it returns."""
        made = func(*args, **(kwargs or {}))
        for part in cast(Sequence[object], made) if isinstance(made, list | tuple) else (made,):
            if isinstance(part, Tensor):
                self._count(part.untyped_storage())
        return cast(object, made)

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._counted:
            return
        self._counted.add(storage)
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, size: int) -> None:
        self._now -= size


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in MESSAGES)
