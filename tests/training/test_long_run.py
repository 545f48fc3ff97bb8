import sys
from pathlib import Path

import pytest

from biasgan.runs.log import read_log

from ..conftest import Command, tiny
from .conftest import make_gan


@pytest.mark.skipif(sys.platform != "linux", reason="The system does not tell what a process holds.")
def test_memory_and_open_files_stay_as_they_are(command: Command, pictures: Path, tmp_path: Path) -> None:
    """What an iteration or a validation would leave behind takes megabytes: features, graphs, figures."""
    resources = ("+callbacks.resources._target_=tests.training.resources.Resources",)
    resources += ("+callbacks.resources.folder=run", "+callbacks.resources.every=20")
    options = ("iterations=100", "pretrain_iterations=5", "validate_every=20", "checkpoint_every=20")
    assert command(*tiny(pictures, *options, *resources, "hydra.run.dir=run", "pairs.workers=1")).status == 0
    *_, before, _, after = read_log(tmp_path / "run" / "resources.csv")
    assert (before["iteration"], after["iteration"]) == (60, 100)
    assert after["resident"] < before["resident"] + 15
    assert after["descriptors"] <= before["descriptors"]


@pytest.mark.parametrize(("iterations", "every"), [(20, 10), (50_000, 10), (50_001, 11), (1_400_000, 280)])
def test_a_long_training_has_as_many_log_entries_as_a_shorter_one(iterations: int, every: int) -> None:
    assert make_gan(iterations=iterations, log_every=None).log_every == every
