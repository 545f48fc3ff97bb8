import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from biasgan.training.loggers.csv_log import read_log

from ..conftest import Command, Finished, tiny
from .conftest import Start, Sweep

TWICE = "validate_every=2"
NAME = "it's 3 läufe, [x]=(1)"
THREE = ("method=vanilla,full,nonsense", f"sweep.name={NAME}", "sweep.jobs=2", TWICE)


def jobs_of(folder: Path) -> dict[str, dict[str, Any]]:
    """What a sweep says about its jobs, by label."""
    return {job["job"]: job for job in json.loads((folder / "sweep.json").read_text())}


def statuses(folder: Path) -> dict[str, str]:
    return {label: job["status"] for label, job in jobs_of(folder).items()}


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = process.communicate(timeout=200)
    assert "Traceback" not in out + err
    return process.returncode, out + err


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_a_sweep_and_the_same_again(sweep: Sweep, command: Command, pictures: Path, tmp_path: Path) -> None:
    """Two methods share their pixel stage, and what cannot be composed fails alone."""
    status, said, _ = sweep("-m", *THREE)
    folder = tmp_path / "outputs" / NAME
    jobs = jobs_of(folder)
    assert status == 1
    assert statuses(folder) == {
        "pixel stage": "finished", "method=vanilla": "finished", "method=full": "finished", "method=nonsense": "failed",
    }  # fmt: skip
    assert "Could not find 'method/nonsense'" in jobs["method=nonsense"]["error"]
    assert "method=nonsense failed: In 'train': Could not find 'method/nonsense'" in said
    full = Path(jobs["method=full"]["folder"])
    assert full.name.startswith("realesrgan-full-jpeg-20-")
    summary = json.loads((full / "summary.json").read_text())
    gain = summary["restored"]["psnr"] - summary["compressed"]["psnr"]
    assert jobs["method=full"]["figures"] == {
        "bits_per_pixel": summary["compressed"]["bits_per_pixel"], "psnr": summary["restored"]["psnr"],
        "psnr_gain": pytest.approx(gain), "ssim": summary["restored"]["ssim"], "deviation": summary["deviation"],
    }  # fmt: skip
    assert f"{summary['restored']['psnr']:.2f}" in said
    assert f"{summary['deviation']:+.1f}" in said
    stage = Path(jobs["pixel stage"]["folder"])
    words = summary["started_from"]
    assert words == {"generator": f"its own pixel stage of 2 iterations, in {stage}", "discriminator": "random weights"}
    assert torch.load(stage / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert yaml.safe_load((full / "config.yaml").read_text())["sweep"]["name"] == NAME

    # What comes out is what a run of its own gives.
    for method in ("vanilla", "full"):
        assert command(*tiny(pictures, TWICE, f"method={method}", f"hydra.run.dir={method}")).status == 0
        run = Path(jobs[f"method={method}"]["folder"])
        for name in ("generator", "discriminator"):
            one, other = (load_file(place / f"{name}.safetensors") for place in (tmp_path / method, run))
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)
        assert read_log(run / "log.csv") == read_log(tmp_path / method / "log.csv")

    # Again: what is finished is skipped, what was lost is made from the pixel stage that is there.
    before = (full / "summary.json").stat().st_mtime_ns
    shutil.rmtree(jobs["method=vanilla"]["folder"])
    assert sweep("-m", *reversed(THREE)).status == 1
    assert statuses(folder) == {
        "pixel stage": "skipped", "method=vanilla": "finished", "method=full": "skipped", "method=nonsense": "failed",
    }  # fmt: skip
    assert (full / "summary.json").stat().st_mtime_ns == before
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_job_that_fails_is_tried_again_and_its_reason_kept(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "my_conf" / "codec").mkdir(parents=True)
    codec = tmp_path / "my_conf" / "codec" / "mine.yaml"
    codec.write_text("# @package _global_\nquality: 7\ncodec:\n  _target_: biasgan.codecs.missing.JPEG\n")
    options = ("--config-dir=my_conf", "codec=mine,webp", "pretrain_iterations=0", "iterations=1")
    status, said, _ = sweep("-m", *options, "sweep.fail_fast=true")
    (folder,) = (tmp_path / "outputs").iterdir()
    assert status == 1
    assert statuses(folder) == {"codec=mine": "failed", "codec=webp": "waiting"}
    job = jobs_of(folder)["codec=mine"]
    assert "biasgan.codecs.missing" in job["error"]
    assert len(job["error"].splitlines()) <= 8
    assert f"codec=mine failed: {job['error']}\n{job['folder']}/job.log" in said
    assert "The same command goes on" in said

    codec.write_text(codec.read_text().replace("missing", "jpeg") + "  subsampling: '4:2:0'\n  progressive: false\n")
    assert sweep("-m", *options).status == 0
    assert statuses(folder) == {"codec=mine": "finished", "codec=webp": "finished"}
    assert jobs_of(folder)["codec=mine"]["error"] is None


def test_a_sweep_that_is_interrupted_goes_on(start: Start, sweep: Sweep, tmp_path: Path) -> None:
    options = (
        *("seed=0,1", "sweep.jobs=2", "sweep.name=stopped", "iterations=60", "pretrain_iterations=0"),
        *("validate_every=60", "checkpoint_every=60"),
    )
    folder = tmp_path / "outputs" / "stopped"
    process = start("-m", *options)

    def iterations() -> list[float]:
        return [max((row["iteration"] for row in read_log(log)), default=0) for log in folder.glob("*/log.csv")]

    wait_for(lambda: len(iterations()) == 2 and min(iterations()) >= 10, process)
    process.send_signal(signal.SIGINT)
    status, said = finish(process)
    assert status == 130
    assert statuses(folder) == {"seed=0": "stopped", "seed=1": "stopped"}
    assert "The same command goes on" in said
    stopped = {job: torch.load(Path(job) / "checkpoints" / "last.ckpt")["global_step"] for job in folders(folder)}
    assert all(10 <= step < 60 for step in stopped.values())

    assert sweep("-m", *options).status == 0
    assert statuses(folder) == {"seed=0": "finished", "seed=1": "finished"}
    for job, step in stopped.items():
        log = (Path(job) / "job.log").read_text()
        assert f"Stopped at iteration {step} of 60" in log
        rows = [row["iteration"] for row in read_log(Path(job) / "log.csv") if "generator/pixel" in row]
        assert rows == list(range(10, 61, 10))
        assert json.loads((Path(job) / "summary.json").read_text())["iterations"] == 60


def folders(sweep: Path) -> list[str]:
    return [job["folder"] for job in jobs_of(sweep).values()]


def test_a_sweep_in_a_file_over_several_processes_each(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "my_conf" / "experiment").mkdir(parents=True)
    (tmp_path / "my_conf" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      method: full,nonsense\n"
    )
    options = ("trainer=ddp_cpu", "trainer.precision=32-true", "iterations=2", "pretrain_iterations=1")
    assert sweep("--config-dir=my_conf", "experiment=mine", *options).status == 1
    (folder,) = (tmp_path / "outputs").iterdir()
    assert statuses(folder) == {"method=full": "finished", "method=nonsense": "failed"}
    # No process of the job ran the sweep again.
    assert [str(summary.parent) for summary in tmp_path.rglob("summary.json")] == [
        jobs_of(folder)["method=full"]["folder"]
    ]


def test_one_process_at_a_time_runs_a_sweep(start: Start, tmp_path: Path) -> None:
    options = (
        *("seed=0,1", "sweep.name=twice", "pretrain_iterations=0"),
        *("iterations=100000", "validate_every=100000", "checkpoint_every=100000"),
    )
    first = start("-m", *options)
    wait_for(lambda: (tmp_path / "outputs" / "twice" / "sweep.json").is_file(), first)
    status, said = finish(start("-m", *options))
    assert status == 1
    assert "Another process is running this sweep" in said
    first.send_signal(signal.SIGTERM)
    assert finish(first)[0] == 130


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sweep.jobs=0", "sweep.jobs must be a whole number from 1 on; got 0."),
        ("sweep.fail_fast=2", "sweep.fail_fast must be true or false; got 2."),
        ("resume=RUN", "A sweep resumes its own jobs; leave resume=RUN out."),
        ("basline=arcnn", "Could not override 'basline'"),
        ("qf=10,20,10", "qf=10,20,10 has 10 twice; give each value once."),
        ("data.root=RUN,./RUN", "They differ in data.root= alone, which makes no difference to them"),
        (
            "sweep.combinations=[{method:full},{method:full,qp:27}]",
            "'seed=0', 'qp=27 seed=0'. They differ in qp= alone",
        ),
        ("qp=27,37", "'seed=0 qp=27', 'seed=0 qp=37'. They differ in qp= alone, which makes no difference to them"),
    ],
)
def test_bad_options_of_a_sweep(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path, option: str, message: str
) -> None:
    (tmp_path / "RUN").symlink_to(finished.folder)
    done = command("-m", *tiny(pictures, "seed=0,1", option))
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert message in done.err
    assert not (tmp_path / "outputs").exists() or option.startswith("sweep.")


def test_a_pixel_stage_must_fit(command: Command, pictures: Path, finished: Finished, tmp_path: Path) -> None:
    for options, message in (
        ((), "its checkpoint is at iteration 4; expected the end of a pixel stage, at pretrain_iterations=2."),
        (("pretrain_iterations=0",), "this training has no pixel stage of its own"),
    ):
        done = command(*tiny(pictures, *options, f"pixel_stage={finished.folder}", "hydra.run.dir=run"))
        assert done.status == 1
        assert message in done.err
        assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_goes_on_where_it_is(command: Command, pictures: Path, finished: Finished, tmp_path: Path) -> None:
    options = tiny(pictures, "resume=auto", "hydra.run.dir=run")
    assert command(*options, "trainer.max_steps=3").status == 0
    first = read_log(tmp_path / "run" / "log.csv")
    assert command(*options).status == 0
    assert read_log(tmp_path / "run" / "log.csv")[: len(first)] == first
    one, other = (load_file(folder / "generator.safetensors") for folder in (finished.folder, tmp_path / "run"))
    assert all(torch.equal(one[name], other[name]) for name in one)
