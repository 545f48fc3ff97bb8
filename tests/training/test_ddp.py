import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from biasgan.runs.log import read_log

from ..conftest import Command, Done, tiny

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")

ROOT = Path(__file__).parents[2]
AGENT = (sys.executable, "-m")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
TWO = ("trainer=ddp_cpu", "trainer.precision=32-true")
RECORDED = "+callbacks.recorded._target_=tests.training.together.Recorded"
SGD = (
    # Adam divides by the gradient's size and so would turn the rounding of tiny gradients into whole steps.
    *("training.optimizer._target_=torch.optim.SGD", "~training.optimizer.betas", "~training.optimizer.fused"),
    *("training.schedule.learning_rate=0.005", "+training.log_every=1"),
)
REALESRGAN = ("recipe.pretrain_schedule.demo.learning_rate=0.05", "recipe.pretrain_schedule.demo.minimum=0.05")
ESRGAN = (
    *("baseline=esrgan", "training.pretrain_schedule.learning_rate=0.05", "training.pretrain_schedule.minimum=0.05"),
    *("discriminator=unet", "discriminator._target_=tests.training.together.Plain", "training.weights.adversarial=1"),
    # So large that the averages show in the weights.
    "training.schedule.learning_rate=0.1",
)


@pytest.fixture(scope="module")
def ten_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten pictures: with `data.valid_every=2` five to train and five to validate with."""
    folder = tmp_path_factory.mktemp("ten")
    random = np.random.default_rng(5)
    for number in range(10):
        coarse = Image.fromarray(random.integers(0, 256, (8, 9, 3), dtype=np.uint8))
        coarse.resize((72, 64), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def run(folder: Path, *arguments: str, launcher: tuple[str, ...] = AGENT) -> Done:
    """Train in processes of their own; all have ended when their output does."""
    done = subprocess.run(
        [*launcher, "biasgan.train", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=280,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def lines(folder: Path, name: str) -> list[list[str]]:
    """What each of two processes recorded."""
    return [(folder / f"{name}-{rank}.txt").read_text().splitlines() for rank in (0, 1)]


@pytest.mark.parametrize("baseline", [REALESRGAN, ESRGAN], ids=["real", "relativistic"])
def test_two_processes_equal_one_with_twice_the_batch(
    command: Command, ten_pictures: Path, tmp_path: Path, baseline: tuple[str, ...]
) -> None:
    options = tiny(ten_pictures, *SGD, *baseline, "accumulate=2", "ema_decay=0.9", "validate_every=2", drawn=True)
    recorded = (RECORDED, f"+callbacks.recorded.folder={tmp_path}")
    done = run(tmp_path, *options, *recorded, *TWO, "batch_size=2", "hydra.run.dir=two")
    assert done.status == 0, done.err
    assert command(*options, "batch_size=4", "hydra.run.dir=one").status == 0

    # All weights, and the vectors of spectral norm, after each iteration.
    state, other = lines(tmp_path, "state")
    assert state == other
    assert sum("discriminator" in line and "_u " in line for line in state) > 4 or baseline is ESRGAN
    images, others = lines(tmp_path, "images")
    assert images == [f"{iteration} {index}" for iteration in (2, 4) for index in (0, 2, 4)]
    assert others == [f"{iteration} {index}" for iteration in (2, 4) for index in (1, 3)]

    one, two = tmp_path / "one", tmp_path / "two"
    for name in ("generator", "discriminator"):
        weights, others = (load_file(folder / f"{name}.safetensors") for folder in (one, two))
        assert weights.keys() == others.keys()
        for key, tensor in weights.items():
            torch.testing.assert_close(others[key], tensor, rtol=0, atol=1e-6, msg=f"{name} {key}")
    trained, separate = (torch.load(folder / "checkpoints" / "last.ckpt")["state_dict"] for folder in (one, two))
    for key, tensor in trained.items():
        torch.testing.assert_close(separate[key], tensor, rtol=0, atol=1e-6, msg=key)

    # One row for what is logged together, so nothing is logged by both processes.
    logs = [read_log(folder / "log.csv") for folder in (one, two)]
    assert [row["iteration"] for row in logs[0]] == [row["iteration"] for row in logs[1]]
    terms = 0
    for row, other in zip(*logs, strict=True):
        assert row.keys() == other.keys()
        terms += sum(name.startswith(("generator/", "discriminator/")) for name in row)
        # The distances and scores of patches, and PSNR over five images of which one process had three.
        assert other == pytest.approx(row, rel=1e-4, abs=1e-6)
    assert terms == 2 * 1 + 2 * 6

    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (one, two)]
    assert summaries[0]["validation_images"] == 5
    assert summaries[1]["restored"] == pytest.approx(summaries[0]["restored"], abs=1e-5)
    assert summaries[1]["compressed"] == pytest.approx(summaries[0]["compressed"], abs=1e-5)
    assert done.out.count("bits per pixel") == 1
    files = [{str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} for folder in (one, two)]
    assert files[0] == files[1]


def test_torchrun_trains_with_batch_norm_in_bf16_and_one_image_to_validate_with(
    ten_pictures: Path, tmp_path: Path
) -> None:
    two = ("iterations=2", "pretrain_iterations=1", "validate_every=1")
    options = [o for o in tiny(ten_pictures, *TWO, *two) if not o.startswith(("data.valid_every", "patch_size"))]
    done = run(
        tmp_path, *options, "trainer.precision=bf16-mixed", "data.valid_every=10", "baseline=esrgan",
        "generator=compact", "patch_size=64", "discriminator.size=64", RECORDED,
        f"+callbacks.recorded.folder={tmp_path}", launcher=TORCHRUN,
    )  # fmt: skip
    assert done.status == 0, done.err
    state, other = lines(tmp_path, "state")
    assert state == other
    running = [line.split()[2] for line in state if "running_mean" in line]
    assert len(set(running[-len(running) // 2 :])) > 1
    assert (tmp_path / "images-0.txt").read_text().splitlines() == ["1 0", "2 0"]
    assert not (tmp_path / "images-1.txt").exists()
    # Each process has its own clock.
    (folder,) = (tmp_path / "outputs").glob("*/*")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["validation_images"] == 1
    assert summary["precision"] == "bf16-mixed"
    # Fidelity and bias of two validations, and the last iteration's losses.
    assert len(read_log(folder / "log.csv")) == 2 * 2 + 1
    assert done.out.count("bits per pixel") == 1


def fails(rank: int, where: str, name: str = "fails", **options: object) -> list[str]:
    """Options that make a process of a training fail; see `Fails`."""
    node = f"+callbacks.{name}"
    given = {"_target_": "tests.training.together.Fails", "rank": rank, "where": where, **options}
    return [f"{node}.{option}={value}" for option, value in given.items()]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (fails(0, "loader"), 1, "error: Process 0 of 2 failed first. loader of 0\n"),
        ([*fails(1, "iteration", signal=9), "restarts=0"], 1, "error: Process 1 of 2 failed first. Ended by SIGKILL."),
        (fails(1, "iteration", signal=2, launcher=True), 1, "error: Stopped at iteration 3 of 4 and saved. Go on with"),
        (fails(0, "iteration", signal=9, launcher=True), -9, ""),
    ],
    ids=["error", "killed", "interrupted", "launcher killed"],
)
def test_all_processes_end_with_one_error(
    ten_pictures: Path, tmp_path: Path, options: list[str], status: int, message: str
) -> None:
    done = run(tmp_path, *tiny(ten_pictures, *TWO), "hydra.run.dir=run", *options)
    assert done.status == status
    assert done.err.count("error: ") == (status == 1)
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    # What is bound to come again is not waited for thrice.
    assert done.err.count("Starting all again") == ("loader of 0" in message)
    assert not (tmp_path / "run" / "summary.json").exists()
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() == ("saved" in message)


def test_a_training_restarts_by_itself(ten_pictures: Path, tmp_path: Path) -> None:
    """After one process was killed, and then the other one stopped; with the result of a training without a fault."""
    options = tiny(ten_pictures, *TWO, "iterations=6", "checkpoint_every=1", "ema_decay=0.9")
    assert run(tmp_path, *options, "hydra.run.dir=whole").status == 0
    done = run(
        tmp_path, *options, "hydra.run.dir=run", "trainer.strategy.timeout.minutes=0.1",
        *fails(1, "iteration", "killed", signal=9, iteration=2, once=tmp_path / "killed"),
        *fails(0, "iteration", "stopped", signal=int(signal.SIGSTOP), iteration=4, once=tmp_path / "stopped"),
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "Process 1 of 2 failed first. Ended by SIGKILL." in done.err
    assert "Process 1 of 2 failed first. A process of this training ended without a word" in done.err
    assert "error: " not in done.err
    for name in ("generator", "discriminator"):
        weights, others = (load_file(tmp_path / folder / f"{name}.safetensors") for folder in ("run", "whole"))
        assert weights.keys() == others.keys()
        assert all(torch.equal(weights[key], others[key]) for key in weights)
    assert read_log(tmp_path / "run" / "log.csv") == read_log(tmp_path / "whole" / "log.csv")


def test_all_processes_end_where_one_stops(ten_pictures: Path, tmp_path: Path) -> None:
    """And all callbacks see the figures of a validation that is shared out unevenly."""
    early = "+callbacks.early"
    done = run(
        tmp_path, *tiny(ten_pictures, *TWO, "iterations=60", "validate_every=1"), "hydra.run.dir=run",
        f"{early}._target_=lightning.pytorch.callbacks.EarlyStopping", f"{early}.monitor=valid/psnr",
        f"{early}.patience=100", "+callbacks.stops._target_=tests.training.together.Stops",
        "+callbacks.stops.rank=1", "+callbacks.stops.iteration=3",
    )  # fmt: skip
    assert done.status == 0, done.err
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert checkpoint["global_step"] == summary["iterations"] == 3
    early_stopping = next(state for name, state in checkpoint["callbacks"].items() if name.startswith("EarlyStopping"))
    assert 0 < float(early_stopping["best_score"]) <= summary["restored"]["psnr"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process as the first of two that torchrun started."""
    environment = {
        **{"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("trainer", ["cpu", "ddp_cpu trainer.devices=3"])
def test_a_launcher_and_a_trainer_that_do_not_fit_are_refused(
    command: Command, pictures: Path, started: pytest.MonkeyPatch, trainer: str
) -> None:
    done = command(*tiny(pictures), *f"trainer={trainer}".split(), "hydra.run.dir=run")
    assert done.status == 1
    assert "error: 2 processes were started, but trainer.devices and trainer.num_nodes=1 mean" in done.err
    assert "trainer.devices=2 for one machine" in done.err


def test_several_machines_need_to_know_each_other(command: Command, pictures: Path) -> None:
    done = command(*tiny(pictures), "trainer=ddp_cpu", "trainer.num_nodes=2")
    assert done.status == 1
    assert "error: trainer.num_nodes=2: start the training on each machine with torchrun or srun." in done.err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_takes_part(ten_pictures: Path, tmp_path: Path) -> None:
    options = tiny(ten_pictures, "trainer=ddp", "trainer.devices=1", "trainer.precision=bf16-mixed", "compile=true")
    done = run(tmp_path, *options, "hydra.run.dir=run", RECORDED, f"+callbacks.recorded.folder={tmp_path}")
    assert done.status == 0, done.err
    assert (tmp_path / "run" / "summary.json").exists()
    assert (tmp_path / "state-0.txt").exists()
