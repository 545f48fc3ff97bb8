"""Every network of the tables trains, alone and against a discriminator with both mitigations."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from biasgan.networks.rbqe import RBQE
from biasgan.runs.log import read_log
from biasgan.runs.weights import load_generator

from .conftest import Command, needs_bpg, tiny

SIZES = {
    "arcnn": "",
    "dcad": "channels=4 convolutions=1",
    "dncnn": "channels=4 convolutions=1 batch_norm=true",
    "cbdnet": "channels=4",
    "rdn": "channels=4 blocks=1 convolutions=1 growth=2",
    "rbqe": "channels=4 levels=2",
    "rbqe_blind": "channels=2",
    "mprnet": "channels=4 unet_growth=2 full_growth=2 blocks=1 reduction=2",
    "unet": "channels=2",
    "compact": "channels=4 convolutions=1",
    "residual_unet": "channels=[4] blocks=[1]",
    "rrdbnet": "channels=4 blocks=1 growth=2",
}
"""Name of a generator → its sizes here."""

CLASSES = (
    "ARCNN",
    "DCAD",
    "DnCNN",
    "CBDNet",
    "RDN",
    "RBQE",
    "RBQE",
    "MPRNet",
    "UNet",
    "SRVGGNetCompact",
    "ResidualUNet",
    "RRDBNet",
)
NAMES = dict(zip(SIZES, CLASSES, strict=True))


def options(pictures: Path, generator: str) -> list[str]:
    common = [option for option in tiny(pictures) if not option.startswith(("generator.", "discriminator."))]
    sizes = (f"generator.{size}" for size in SIZES[generator].split())
    return [*common, "iterations=2", "pretrain_iterations=1", *sizes]


def summary_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.parametrize("generator", SIZES)
def test_trains_alone(command: Command, pictures: Path, tmp_path: Path, generator: str) -> None:
    baseline = ["baseline=fidelity", "generator=rrdbnet"] if generator == "rrdbnet" else [f"baseline={generator}"]
    arguments = [option for option in options(pictures, generator) if not option.startswith("pretrain_iterations")]
    assert command(*arguments, *baseline, "hydra.run.dir=run").status == 0
    summary = summary_of(tmp_path / "run")
    assert (summary["generator"], summary["iterations"], summary["method"]) == (NAMES[generator], 2, "vanilla")
    assert math.isfinite(summary["restored"]["psnr"])
    assert summary["realism"] == {}


@pytest.mark.parametrize("generator", SIZES)
def test_trains_against_a_discriminator_with_both_mitigations(
    command: Command, pictures: Path, tmp_path: Path, generator: str
) -> None:
    gan = ("baseline=realesrgan", f"generator={generator}", "discriminator.channels=4", "hydra.run.dir=run")
    assert command(*options(pictures, generator), *gan).status == 0
    summary = summary_of(tmp_path / "run")
    assert (summary["generator"], summary["iterations"], summary["method"]) == (NAMES[generator], 2, "full")
    assert math.isfinite(summary["restored"]["psnr"])
    assert summary["realism"]


def test_rbqe_trains_all_exits_on_mixed_qualities(command: Command, pictures: Path, tmp_path: Path) -> None:
    arguments = [option for option in options(pictures, "rbqe_blind") if not option.startswith("pretrain_iterations")]
    assert command(*arguments, "baseline=rbqe_blind", "hydra.run.dir=run").status == 0
    summary = summary_of(tmp_path / "run")
    assert (summary["codec"], summary["quality"], summary["generator"]) == ("jpeg_blind", "10-50", "RBQE")
    generator = load_generator(tmp_path / "run")
    assert isinstance(generator, RBQE)
    assert len(list(generator.exit_images(torch.rand(1, 3, 8, 8)))) == 5
    assert read_log(tmp_path / "run" / "log.csv")[-1].keys() >= {f"valid/psnr_exit_{exit}" for exit in range(1, 5)}


@needs_bpg
def test_trains_on_bpg(command: Command, pictures: Path, tmp_path: Path) -> None:
    arguments = [option for option in options(pictures, "dncnn") if not option.startswith("pretrain_iterations")]
    assert command(*arguments, "baseline=dncnn", "codec=bpg", "qp=37", "hydra.run.dir=run").status == 0
    assert summary_of(tmp_path / "run")["codec"] == "bpg"
