import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from biasgan.run_log import read_log

from ..conftest import Command, tiny

ROOT = Path(__file__).parents[2]
SGD = (
    # Adam divides by the gradient's size and so would turn the rounding of tiny gradients into whole steps.
    *("training.optimizer._target_=torch.optim.SGD", "~training.optimizer.betas", "~training.optimizer.fused"),
    *("training.schedule.learning_rate=0.005", "recipe.pretrain_schedule.demo.learning_rate=0.05"),
    *("recipe.pretrain_schedule.demo.minimum=0.05", "+training.log_every=1"),
)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")
def test_two_processes_equal_one_with_twice_the_batch(command: Command, pictures: Path, tmp_path: Path) -> None:
    options = tiny(pictures, *SGD)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "biasgan.train", *options, "trainer=ddp_cpu", "trainer.precision=32-true"),
            *("batch_size=2", "hydra.run.dir=two"),
        ],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert command(*options, "batch_size=4", "hydra.run.dir=one").status == 0

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
        # The distances and scores of patches, and PSNR over three images of which one process had two.
        assert other == pytest.approx(row, rel=1e-4, abs=1e-6)
    assert terms == 2 * 1 + 2 * 6

    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (one, two)]
    assert summaries[0]["validation_images"] == 3
    assert summaries[1]["restored"] == pytest.approx(summaries[0]["restored"], abs=1e-5)
    assert summaries[1]["compressed"] == pytest.approx(summaries[0]["compressed"], abs=1e-5)
    assert done.stdout.count("bits per pixel") == 1
    files = [{str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} for folder in (one, two)]
    assert files[0] == files[1]
