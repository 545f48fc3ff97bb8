"""A run that is resumed for longer, or with other options."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from safetensors.torch import load_file

from biasgan.runs.folder import RunFolder
from biasgan.runs.log import read_log
from biasgan.training.past import with_past

from ..conftest import Command, Finished, tiny


def summary_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


@pytest.fixture
def run(finished: Finished, tmp_path: Path) -> Path:
    """A finished run of four iterations, two of them the pixel stage."""
    return shutil.copytree(finished.folder, tmp_path / "run")


def test_a_finished_run_goes_on_in_its_last_stage(command: Command, run: Path, tmp_path: Path) -> None:
    assert command("resume=run", "iterations=7", "+training.log_every=1").status == 0
    assert command("resume=run", "iterations=9").status == 0
    content = torch.load(run / "checkpoints" / "last.ckpt")
    assert content["global_step"] == summary_of(run)["iterations"] == 9
    assert summary_of(run)["pretrain_iterations"] == 2
    # Neither optimiser was cleared, and the discriminator was never idle.
    assert {
        int(state["step"]) for optimizer in content["optimizer_states"] for state in optimizer["state"].values()
    } == {7}
    rows = [row for row in read_log(run / "log.csv") if row["iteration"] > 4 and "generator/pixel" in row]
    assert [row["iteration"] for row in rows] == [5, 6, 7, 8, 9]
    assert all("discriminator/original" in row and row["learning_rate/generator"] == 1e-3 for row in rows)

    assert command("--from", "run", "hydra.run.dir=again").status == 0
    for name in ("generator", "discriminator"):
        one, other = (load_file(folder / f"{name}.safetensors") for folder in (run, tmp_path / "again"))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_same_command_goes_on_for_longer(command: Command, pictures: Path, tmp_path: Path) -> None:
    """The pixel stage alone, as a training with a discriminator may have it, stays what it is."""
    options = [option for option in tiny(pictures) if "iterations" not in option]
    again = (*options, "resume=auto", "hydra.run.dir=run", "pretrain_iterations=2")
    assert command(*again, "iterations=2").status == 0
    assert command(*again, "iterations=6").status == 0
    summary = summary_of(tmp_path / "run")
    assert (summary["iterations"], summary["pretrain_iterations"]) == (6, 6)
    assert summary["realism"] == {}
    assert not any("discriminator/original" in row for row in read_log(tmp_path / "run" / "log.csv"))


def test_a_changed_past_is_refused_and_nothing_is_lost(command: Command, run: Path) -> None:
    before = {file: file.read_bytes() for file in run.rglob("*.*") if file.is_file() and ".hydra" not in file.parts}
    done = command("resume=run", "iterations=9", "qf=10")
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert "qf=10: the run that is resumed has done 4 iterations with qf=20, which cannot change any more." in done.err
    assert "Traceback" not in done.err
    assert {file: file.read_bytes() for file in before} == before


@pytest.fixture(scope="session")
def config(finished: Finished) -> dict[str, Any]:
    """The configuration of the finished run."""
    return yaml.safe_load((finished.folder / "config.yaml").read_text())


def given(config: Mapping[str, Any], option: str, resume: str = "run") -> dict[str, Any]:
    """A configuration with one option more."""
    name, _, text = option.partition("=")
    value = int(text) if text.isdigit() else text
    group, _, key = {"qf": "quality", "method": "chosen.method", "baseline": "chosen.baseline"}.get(
        name, name
    ).rpartition(".")
    change = {group: {**config[group], key: value}} if group else {key: value}
    return {**config, "resume": resume, **change, "options": [*config["options"], option]}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("iterations=3", "iterations=3: the run that is resumed has done 4 iterations."),
        ("trainer.max_steps=3", "trainer.max_steps=3: the run that is resumed has done 4 iterations."),
        ("pretrain_iterations=3", "pretrain_iterations=3: the run that is resumed has done 4 iterations with "),
        ("pretrain_iterations=0", "with pretrain_iterations=2, which cannot change any more"),
        ("seed=1", "seed=1: the run that is resumed has done 4 iterations with seed=0, which cannot change"),
        ("qf=10", "qf=10: the run that is resumed has done 4 iterations with qf=20"),
        ("codec.subsampling=4:4:4", "codec.subsampling=4:4:4: the run that is resumed"),
        ("method=vanilla", "method=vanilla: the run that is resumed has done 4 iterations with method=full"),
        ("baseline=esrgan", "baseline=esrgan: the run that is resumed"),
        ("init_from=bundled", "with init_from=null, which cannot change any more. Start another run with --from RUN"),
        ("init_discriminator_from=bundled", "init_discriminator_from=bundled: the run that is resumed"),
        ("pixel_stage=run", "pixel_stage=run: the run that is resumed"),
        ("training.iterations=7", "training.iterations=7: the run that is resumed has done 4 iterations with"),
        ("training.pretrain_iterations=3", "training.pretrain_iterations=3: the run that is resumed"),
        ("recipe.pixel=9", "recipe.pixel=9: the run that is resumed"),
    ],
)
def test_what_has_happened_cannot_be_changed(config: dict[str, Any], option: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        with_past(given(config, option), {"config": config, "global_step": 4})


def test_a_schedule_that_has_ended_cannot_be_changed(config: dict[str, Any]) -> None:
    name = "pretrain_schedule"
    now = {**config, "training": {**config["training"], name: {**config["training"][name], "learning_rate": 1}}}
    with pytest.raises(ValueError, match=rf"training\.{name}\.learning_rate=1: the run that is resumed has done 2"):
        with_past(now, {"config": config, "global_step": 2})
    assert with_past(now, {"config": config, "global_step": 1})["changes"] == [
        f"{name}.learning_rate: {config['training'][name]['learning_rate']} until iteration 1, then 1"
    ]


@pytest.mark.parametrize(
    ("option", "resume", "done"),
    [
        ("pretrain_iterations=2", "run", 4),
        ("seed=0", "run", 4),
        ("iterations=4", "run", 4),
        ("batch_size=4", "run", 4),
        ("clip_gradients=1", "run", 4),
        ("method=vanilla", "run", 2),  # of which a pixel stage knows nothing
        ("pixel_stage=x", "auto", 4),  # a job of a sweep finds the shared stage at any attempt
    ],
)
def test_what_is_still_to_come_can(config: dict[str, Any], option: str, resume: str, done: int) -> None:
    now = given(config, option, resume)
    assert with_past(now, {"config": config, "global_step": done}) == now


def test_a_run_that_was_stopped_early_keeps_its_stages(config: dict[str, Any]) -> None:
    """And goes beyond the iteration that it was stopped at, if more are asked for."""
    stopped = {**config, "trainer": {**config["trainer"], "max_steps": 3}}
    stopped["options"] = [*config["options"], "trainer.max_steps=3"]
    longer = {**given(stopped, "iterations=9"), "pretrain_iterations": 5}
    longer["training"] = {**config["training"], "iterations": 9, "pretrain_iterations": 5}
    settled = with_past(longer, {"config": stopped, "global_step": 3})
    assert (settled["iterations"], settled["pretrain_iterations"], settled["trainer"]["max_steps"]) == (9, 2, 9)
    assert settled["training"] == config["training"]
    twice = {**settled, "iterations": 20, "options": [*settled["options"], "iterations=20"]}
    again = with_past({**twice, "training": longer["training"]}, {"config": settled, "global_step": 9})
    assert again["training"] == config["training"]
    assert again["trainer"]["max_steps"] == 20


def test_rates_trainer_and_place_may_change(command: Command, pictures: Path, run: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(pictures, tmp_path / "moved")
    free = ("validate_every=1", "batch_size=4", "pairs.workers=1", "training.schedule.learning_rate=1e-4")
    assert command("resume=run", "iterations=5", *free, f"data.root={moved}").status == 0
    assert summary_of(run)["iterations"] == 5
    Image.new("RGB", (48, 48)).save(moved / "00.png")
    done = command("resume=run", "iterations=6")
    assert done.status == 1
    assert "error: The run that is resumed was trained on other pairs (hash " in done.err
    assert torch.load(run / "checkpoints" / "last.ckpt")["global_step"] == 5


def test_the_results_are_those_of_the_checkpoint_that_is_resumed(command: Command, run: Path) -> None:
    """Where that is not the last one, and nothing is left to do."""
    last = run / "checkpoints" / "last.ckpt"
    torch.save({**torch.load(last), "global_step": 5}, last)
    assert command("resume=run/checkpoints/best.ckpt", "iterations=4").status == 0
    assert summary_of(run)["iterations"] == torch.load(last)["global_step"] == 4


def test_what_is_done_otherwise_from_now_on_is_recorded(command: Command, run: Path) -> None:
    assert command("resume=run", "iterations=5", "batch_size=4", "trainer.devices=1", "validate_every=5").status == 0
    weight = "callbacks.divergence_regularizer.weight"
    assert command("resume=run", "iterations=6", f"{weight}=0.5").status == 0
    assert summary_of(run)["changes"] == [
        "loader.batch_size: 2 until iteration 4, then 4",
        f"{weight}: 0.1 until iteration 5, then 0.5",
    ]


def test_results_of_before_go_when_a_run_goes_on(command: Command, run: Path) -> None:
    """Else an interruption would leave them beside a checkpoint of another iteration."""
    failing = "+callbacks.fail._target_=tests.training.test_past.Fail"
    assert command("resume=run", "iterations=9", "checkpoint_every=2", failing).status == 1
    assert torch.load(run / "checkpoints" / "last.ckpt")["global_step"] == 6
    folder = RunFolder(run)
    assert not [file for file in (folder.summary, folder.generator, folder.discriminator) if file.exists()]
    assert command("resume=run", "~callbacks.fail").status == 0
    assert summary_of(run)["iterations"] == 9


def test_images_that_are_not_validated_are_not_counted(command: Command, run: Path) -> None:
    before = summary_of(run)["compressed"]["bits_per_pixel"]
    assert command("resume=run", "iterations=5", "+trainer.limit_val_batches=1").status == 0
    summary = summary_of(run)
    assert summary["validation_images"] == 1
    assert summary["compressed"]["bits_per_pixel"] != before


class Fail(Callback):
    """Fails in the iteration after one that was saved."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        if trainer.global_step == 6:
            raise RuntimeError("failed")
