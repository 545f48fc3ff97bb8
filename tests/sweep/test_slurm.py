import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from biasgan.training.loggers.csv_log import read_log

from ..conftest import Command, tiny
from .conftest import ROOT, Start
from .test_sweep import finish, wait_for

LONG = ("iterations=60", "pretrain_iterations=5", "validate_every=60", "checkpoint_every=1000")


def far(log: Path) -> bool:
    return any(row["iteration"] >= 10 for row in read_log(log))


def assert_whole(command: Command, pictures: Path, run: Path, *options: str) -> None:
    """A run has what an uninterrupted one gives."""
    assert command(*tiny(pictures, *LONG, *options, "hydra.run.dir=whole")).status == 0
    one, other = (load_file(folder / "generator.safetensors") for folder in (run, Path("whole")))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_jobs_of_submitit_save_and_are_queued_again(
    start: Start, command: Command, pictures: Path, tmp_path: Path
) -> None:
    process = start("-m", *LONG, "hydra/launcher=submitit_local", "sweep.name=cluster", "seed=1")
    sweep = tmp_path / "outputs" / "cluster"

    wait_for(lambda: any(map(far, sweep.glob("realesrgan-*/log.csv"))), process)
    (controller,) = (sweep / ".submitit").glob("[0-9]*")
    children = Path(f"/proc/{controller.name}/task/{controller.name}/children").read_text().split()
    # As SLURM does before the time of a job is up.
    os.kill(int(children[-1]), signal.SIGUSR2)
    status, said = finish(process)
    assert status == 0, said
    (out,) = controller.glob("*_log.out")
    assert out.read_text().count("Requeued job") == 1
    (run,) = sweep.glob("realesrgan-*")
    assert run.name.startswith("realesrgan-full-jpeg-20-")
    assert_whole(command, pictures, run, "seed=1")


def test_slurm_by_lightning_alone(command: Command, pictures: Path, tmp_path: Path) -> None:
    """A script stands in for SLURM's own command."""
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    slurm = {f"SLURM_{name}": "0" for name in ("PROCID", "LOCALID", "NODEID")}
    environment = {
        **os.environ, **slurm, "SLURM_NTASKS": "1", "SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "restore",
        "PATH": f"{scontrol.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT), "BIASGAN_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    options = [sys.executable, "-m", "biasgan.train", *tiny(pictures, *LONG, "hydra.run.dir=run", "resume=auto")]

    def run() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            options, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    process = run()
    wait_for(lambda: far(tmp_path / "run" / "log.csv"), process)
    process.send_signal(signal.SIGUSR1)
    wait_for(lambda: (tmp_path / "asked").is_file(), process)
    process.kill()
    process.communicate()
    assert (tmp_path / "asked").read_text() == "requeue 77\n"
    assert 10 <= torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] < 60
    assert finish(run())[0] == 0
    assert_whole(command, pictures, tmp_path / "run")
