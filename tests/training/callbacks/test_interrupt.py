import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import load_file

from biasgan.data.dataset import Pair
from biasgan.runs.log import read_log
from biasgan.training.callbacks.interrupt import Interrupt, InterruptedTrainingError

from ...conftest import Command, tiny
from ..conftest import MakePairs, make_gan, make_trainer

ROOT = Path(__file__).parents[3]


class Raise(Callback):
    """Sends this process a signal while an iteration is at work."""

    def __init__(self, number: int, iteration: int, times: int = 1) -> None:
        self.number = number
        self.iteration = iteration
        self.times = times

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        if trainer.global_step + 1 == self.iteration:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Both signals are handled as before when a training has ended."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_iteration_is_finished_and_saved(make_pairs: MakePairs, tmp_path: Path, number: int) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    (tmp_path / "run").mkdir()
    trainer = make_trainer(Raise(number, 5), Interrupt(path))
    with pytest.raises(InterruptedTrainingError, match=f"iteration 5 of 12 and saved. Go on .* resume={tmp_path}/run"):
        trainer.fit(make_gan(), datamodule=make_pairs())
    assert torch.load(path)["global_step"] == 5


def test_a_second_interruption_stops_at_once(
    make_pairs: MakePairs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "last.ckpt"
    trainer = make_trainer(Raise(signal.SIGINT, 5, times=2), Interrupt(path))
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trainer.fit(make_gan(), datamodule=make_pairs())
    assert trainer.global_step == 4
    assert not path.exists()
    assert "There is no checkpoint yet; run the command again." in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_scheduler_that_warns_finds_a_checkpoint(make_pairs: MakePairs, tmp_path: Path, number: int) -> None:
    """It may end the process, as submitit does, or queue the job again and let it go on, as Lightning does."""
    path = tmp_path / "last.ckpt"
    found: list[int] = []

    def scheduler(number: int, frame: FrameType | None) -> None:
        found.append(torch.load(path)["global_step"])
        if len(found) == 2:
            sys.exit(144)

    before = signal.signal(number, scheduler)
    try:
        trainer = make_trainer(Raise(number, 3), Raise(number, 5), Interrupt(path))
        with pytest.raises(SystemExit):
            trainer.fit(make_gan(), datamodule=make_pairs())
        assert signal.getsignal(number) == scheduler
    finally:
        signal.signal(number, before)
    assert found == [3, 5]


def test_a_validation_that_is_due_is_not_left_out(make_pairs: MakePairs, tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    trainer = make_trainer(Raise(signal.SIGINT, 6), Interrupt(path))
    with pytest.raises(InterruptedTrainingError, match="iteration 6 of 12 and saved"):
        trainer.fit(make_gan(), datamodule=make_pairs())
    checkpoint = torch.load(path)
    assert checkpoint["global_step"] == 6
    assert "valid/psnr" in checkpoint["latest"]


def test_in_the_last_iteration_the_training_just_ends(make_pairs: MakePairs, tmp_path: Path) -> None:
    trainer = make_trainer(Raise(signal.SIGINT, 12), Interrupt(tmp_path / "last.ckpt"))
    trainer.fit(make_gan(), datamodule=make_pairs())
    assert trainer.global_step == 12


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_ctrl_c_then_resume_equals_an_uninterrupted_run(command: Command, pictures: Path, tmp_path: Path) -> None:
    options = tiny(pictures, "iterations=60", "pretrain_iterations=5", "validate_every=30", "checkpoint_every=1000")
    process = subprocess.Popen(
        [sys.executable, "-m", "biasgan.train", *options, "hydra.run.dir=run"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    run = tmp_path / "run"
    wait_for(lambda: any(row["iteration"] >= 10 for row in read_log(run / "log.csv")), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("error:") == 1
    assert f"resume={run}\n" in err
    assert "Traceback" not in out + err
    stopped = torch.load(run / "checkpoints" / "last.ckpt")["global_step"]
    assert 10 <= stopped < 60
    assert f"Stopped at iteration {stopped} of 60 and saved" in err
    assert not (run / "summary.json").exists()
    assert not (run / "generator.safetensors").exists()

    assert command("resume=run").status == 0
    assert command(*options, "hydra.run.dir=whole").status == 0
    for name in ("generator", "discriminator"):
        one, other = (load_file(folder / f"{name}.safetensors") for folder in (run, tmp_path / "whole"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert read_log(run / "log.csv") == read_log(tmp_path / "whole" / "log.csv")
