import os
from collections.abc import Sequence

OF_ONE_PROCESS = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED"),
}
"""What a training on several devices leaves in the environment, and what would mislead another."""


def environments(places: int) -> list[dict[str, str]]:
    """The environment of each place for a job, with its share of the GPUs and of the processor cores."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}
    if places == 1:
        return [environment]
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // places)))
    shares = share(visible_gpus(), places)
    return [environment | ({"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}) for gpus in shares]


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def share(gpus: Sequence[str], places: int) -> list[list[str]]:
    """Hand GPUs out: all of them, and to several places at once only where there are fewer than places."""
    if not gpus:
        return [[] for _ in range(places)]
    return [list(gpus[place::places]) or [gpus[place % len(gpus)]] for place in range(places)]
