"""The folder `saved` is a run of before modules moved: four iterations of a tiny GAN with both mitigations."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from pydoc import locate
from typing import Any

import pytest
import torch
import yaml

from biasgan.evaluation.judge import load_mitigations
from biasgan.io.moved import MOVED, as_now
from biasgan.runs.weights import load_discriminator, load_generator

from ..conftest import Command

SAVED = Path(__file__).parent / "saved"


def targets(node: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def test_every_class_of_a_saved_run_is_found() -> None:
    before = yaml.safe_load((SAVED / "config.yaml").read_text())
    assert [target for target in targets(before) if not locate(target)], "nothing has moved"
    assert [target for target in targets(as_now(before)) if not locate(target)] == []


@pytest.mark.parametrize("new", MOVED.values())
def test_what_has_moved_is_there(new: str) -> None:
    assert locate(f"biasgan.{new}") is not None


def test_only_whole_names_change() -> None:
    kept = {"path": "biasgan/training/ema.py", "name": "biasgan.training.ema", "text": "see biasgan.training.ema.EMA"}
    assert as_now(kept) == kept
    option = "callbacks.ema._target_=biasgan.training.ema.EMA"
    assert as_now([option]) == ["callbacks.ema._target_=biasgan.training.callbacks.ema.EMA"]


def test_options_are_those_of_this_release() -> None:
    saved = ["contender=esrgan_full", "qp=37", "contender=arcnn"]
    assert as_now({"options": saved}) == {"options": ["baseline=esrgan", "method=full", "qp=37", "baseline=arcnn"]}


def test_networks_and_mitigations_of_a_saved_run_load() -> None:
    assert torch.isfinite(load_generator(SAVED)(torch.rand(1, 3, 8, 8))).all()
    file = SAVED / "checkpoints" / "last.ckpt"
    assert load_discriminator(file).training is False
    assert sorted(type(each).__name__ for each in load_mitigations(file)) == [
        "ConditionalDiscriminator",
        "DivergenceRegularizer",
    ]


def test_a_saved_run_goes_on(command: Command, tmp_path: Path) -> None:
    shutil.copytree(SAVED, tmp_path / "run")
    done = command("resume=run", "iterations=6", "loader.workers=0")
    assert done.status == 0, done.err
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 6
