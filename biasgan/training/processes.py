"""How the processes of a training find each other, whoever starts them."""

import os
from typing import cast

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import ParallelStrategy

from biasgan.system import peers

NODE = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What Lightning's own launcher has to be told of one node among several, and tells its processes."""


class Processes(Callback):
    """See to it that all processes end when one fails, and that only the first to fail says why."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Keep Lightning from killing the main process after another one's failure, before it has said a word."""
        # Lightning's observer of these processes has the same list.
        getattr(trainer.strategy.launcher, "procs", []).clear()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Tell the others at once; to wind up may take long."""
        peers.first_to_fail()


def started_by() -> ClusterEnvironment | None:
    """What started this process as one of several, if anything has yet."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    # Not where a script of sbatch's has a training without srun.
    if SLURMEnvironment.detect() and "SLURM_STEP_ID" in os.environ:
        return SLURMEnvironment()
    return LightningEnvironment() if all(name in os.environ for name in NODE) else None


def join(environment: ClusterEnvironment | None) -> None:
    """Join the other processes of this training, if there are any."""
    if environment is None or (not isinstance(environment, LightningEnvironment) and environment.world_size() == 1):
        return
    leads = environment.node_rank() == environment.local_rank() == 0
    serves = leads and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    # For processes that Lightning starts: the end of one is no reason for PyTorch to print a list of C++ functions.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    peers.join(environment.main_address, environment.main_port, leads, serves, attempt)


def join_through(trainer: Trainer) -> None:
    """Join the other processes, those too that the Trainer is going to start.

    Raises:
        ValueError: If the launcher started another number of processes than the Trainer has devices.
    """
    started, nodes, processes = started_by(), trainer.num_nodes, trainer.num_nodes * trainer.num_devices
    if isinstance(started, TorchElasticEnvironment | SLURMEnvironment) and started.world_size() != processes:
        count = started.world_size()
        raise ValueError(
            f"{count} processes were started, but trainer.devices and trainer.num_nodes={nodes} mean "
            f"{processes} of them. Choose trainer=ddp (on CPUs trainer=ddp_cpu) with as many trainer.devices "
            f"as there are processes on each machine and as many trainer.num_nodes as there are machines: "
            f"trainer.devices={count} for one machine."
        )
    if started is None and nodes > 1:
        raise ValueError(
            f"trainer.num_nodes={nodes}: start the training on each machine with torchrun or srun, or with "
            f"{', '.join(NODE)} in the environment."
        )
    if trainer.world_size > 1:
        join(cast(ParallelStrategy, trainer.strategy).cluster_environment)
