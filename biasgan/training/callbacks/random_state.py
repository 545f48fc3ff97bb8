from collections.abc import Mapping

import torch
import torch.distributed as dist
from lightning.pytorch import Callback
from torch import Tensor


class RandomState(Callback):
    """Carry PyTorch's random state through checkpoints, one per process.

    Data does not need it, being a function of (seed, iteration, index); networks with dropout do.
    """

    def state_dict(self) -> dict[str, list[dict[str, Tensor]]]:
        """The states of all processes, by rank."""
        own = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            own["cuda"] = torch.cuda.get_rng_state()
        if not dist.is_initialized():
            return {"ranks": [own]}
        ranks: list[dict[str, Tensor]] = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(ranks, own)
        return {"ranks": ranks}

    def load_state_dict(self, state_dict: Mapping[str, list[dict[str, Tensor]]]) -> None:
        """Set this process's state; a process that has none keeps its own."""
        rank = dist.get_rank() if dist.is_initialized() else 0
        if rank < len(state_dict["ranks"]):
            state = state_dict["ranks"][rank]
            torch.set_rng_state(state["cpu"].cpu())
            if "cuda" in state and torch.cuda.is_available():
                torch.cuda.set_rng_state(state["cuda"].cpu())
