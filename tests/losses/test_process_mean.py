import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from biasgan.losses.process_mean import process_mean

from .processes import losses

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")
def test_losses_of_two_processes_equal_those_of_one_with_the_whole_batch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.losses.processes", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "averages.json").read_text())
    whole, first = losses(slice(None)), losses(slice(2))
    for name, values in whole.items():
        assert found[name] == pytest.approx(values, rel=1e-5, abs=1e-7), name
        # The case is one: halves on their own have other values.
        assert first[name] != pytest.approx(values, rel=1e-3), name


def test_a_process_on_its_own_has_its_own_mean() -> None:
    value = torch.rand(3)
    assert process_mean(value) is value
