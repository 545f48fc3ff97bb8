"""A run is repeated from its folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from biasgan.cli.options import with_options_of_repeated
from biasgan.runs.log import read_log

from ..conftest import Command, Finished, tiny


def summary_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def assert_same_weights(one: Path, other: Path) -> None:
    for name in ("generator", "discriminator"):
        weights, others = (load_file(run / f"{name}.safetensors") for run in (one, other))
        assert weights.keys() == others.keys()
        assert all(torch.equal(weights[key], others[key]) for key in weights)


def test_a_run_that_was_moved_is_repeated_bit_for_bit(command: Command, finished: Finished, tmp_path: Path) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "it's, moved")
    done = command("--from", str(run), "hydra.run.dir=again")
    assert done.status == 0
    assert "Not as in" not in done.out
    again = tmp_path / "again"
    assert_same_weights(finished.folder, again)
    assert read_log(again / "log.csv") == read_log(finished.folder / "log.csv")
    assert summary_of(again)["data_fingerprint"] == summary_of(finished.folder)["data_fingerprint"]
    assert yaml.safe_load((again / "config.yaml").read_text())["repeats"] == str(run)


def test_what_is_not_as_it_was_is_told_and_options_beside_it_win(
    command: Command, finished: Finished, tmp_path: Path
) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "run")
    summary = summary_of(run)
    summary["versions"]["torch"] = "1.0"
    summary["commit"] = "cafe"
    (run / "summary.json").write_text(json.dumps(summary))
    done = command("--from=run", "hydra.run.dir=again", "qf=30", "iterations=2", "pretrain_iterations=1")
    assert done.status == 0
    again = summary_of(tmp_path / "again")
    assert again["quality"] == 30
    told = [line for line in done.out.splitlines() if line.startswith("Not as in ")]
    assert told == [
        f"Not as in {run}: versions.torch was 1.0, now it is {again['versions']['torch']}.",
        f"Not as in {run}: commit was cafe, now it is {again['commit']}.",
        f"Not as in {run}: data_fingerprint was {summary['data_fingerprint']}, now it is {again['data_fingerprint']}.",
    ]


def test_options_of_one_attempt_are_left_out(tmp_path: Path) -> None:
    """A job of a sweep is told where the pixel stage is that it shares, and an experiment makes a sweep."""
    options = ["experiment=table5", "seed=1", "resume=auto", "sweep.name=x", "pixel_stage='x'", "repeats='y'", "qf=10"]
    options.append("+logger.wandb.id=mine")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"options": options, "config_dir": "/mine"}))
    repeats = f"repeats='{tmp_path}'"
    for beside in (["--from", str(tmp_path)], [f"--from={tmp_path}"]):
        found = with_options_of_repeated(["a=b", *beside, "seed=2", "--cfg", "job"])
        assert found == [
            "--config-dir=/mine", "a=b", "experiment=table5", "qf=10", "hydra.mode=RUN", repeats, "seed=2",
            "--cfg", "job",
        ]  # fmt: skip
    sweep = with_options_of_repeated(["--config-dir=other", "-m", "--from", str(tmp_path), "seed=1,2"])
    assert sweep == ["--config-dir=other", "-m", "experiment=table5", "qf=10", repeats, "seed=1,2"]
    assert with_options_of_repeated(["qf=30"]) == ["qf=30"]


def test_a_job_with_a_codec_of_ones_own_is_repeated(command: Command, pictures: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "codec" / "coarse.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# @package _global_\nquality: 3\ncodec:\n  _target_: biasgan.codecs.jpeg.JPEG\n")
    options = tiny(pictures, "codec=coarse", "iterations=1", "pretrain_iterations=0")
    assert command("--config-dir", "mine", *options, "hydra.run.dir=run").status == 0
    assert command("--from", "run", "hydra.run.dir=again").status == 0
    assert_same_weights(tmp_path / "run", tmp_path / "again")
    assert command("resume=run", "iterations=2").status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "missing"], "missing: expected a run folder"),
        (["--from", "."], "this folder has neither"),
        (["--from"], "--from names no run"),
        (["--from", "bundled"], "bundled does not say with which options it was trained"),
        (["--from", "old"], "old does not say with which options it was trained"),
    ],
)
def test_what_cannot_be_repeated_is_refused(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.yaml").write_text("qf: 20\n")
    done = command(*arguments)
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert message in done.err
    assert not (tmp_path / "outputs").exists()
