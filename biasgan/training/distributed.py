"""What a process of several that train together knows of the others."""

import os

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Trainer

_stores: list[object] = []
"""Kept to the end, since the first process of srun's serves the others."""


def started_by() -> ClusterEnvironment | None:
    """What started this process as one of several, if anything has."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    # Not where a script of sbatch's has a training without srun.
    return SLURMEnvironment() if SLURMEnvironment.detect() and "SLURM_STEP_ID" in os.environ else None


def check_launcher(trainer: Trainer) -> None:
    """Refuse another number of processes than the Trainer has devices.

    Raises:
        ValueError: Says how many there are, and what to set.
    """
    started, nodes, processes = started_by(), trainer.num_nodes, trainer.num_nodes * trainer.num_devices
    if started and started.world_size() != processes:
        count = started.world_size()
        raise ValueError(
            f"{count} processes were started, but trainer.devices and trainer.num_nodes={nodes} mean "
            f"{processes} of them. Choose trainer=ddp (on CPUs trainer=ddp_cpu) with as many trainer.devices "
            f"as there are processes on each machine and as many trainer.num_nodes as there are machines: "
            f"trainer.devices={count} for one machine."
        )
    if started is None and nodes > 1:
        raise ValueError(f"trainer.num_nodes={nodes}: start the training on each machine with torchrun or srun.")


def agreed(name: str, proposal: str) -> str:
    """A value that all processes have alike: what the quickest of them proposed."""
    started = started_by()
    if started is None or started.world_size() == 1:
        return proposal
    # Here, since not every build of PyTorch has it.
    from torch.distributed import (
        rendezvous,  # pyright: ignore[reportPrivateImportUsage, reportUnknownVariableType] - documented there
    )

    place = f"tcp://{started.main_address}:{started.main_port}"
    store = next(rendezvous(place, started.global_rank(), started.world_size()))[0]
    _stores.append(store)
    return store.compare_set(name, "", proposal).decode()
