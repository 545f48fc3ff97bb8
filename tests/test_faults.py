"""Commands that are killed with SIGKILL, in short; `python -m tests.faults.train` and its like do it at length."""

from pathlib import Path

from .faults.prepare import Preparation
from .faults.scene import Kill, Scene
from .faults.sweep import Jobs
from .faults.train import Training

SHORT = ("iterations=16", "pretrain_iterations=6", "validate_every=8", "checkpoint_every=4", "+training.log_every=1")


def differences(scene: Scene, kills: int) -> list[str]:
    events = list(scene.go_through(kills))
    assert sum(isinstance(event, Kill) for event in events) == kills
    return [line for event in events if not isinstance(event, Kill) for line in event]


def test_a_preparation_that_is_killed_goes_on(tmp_path: Path) -> None:
    assert differences(Preparation(tmp_path), 3) == []


def test_a_training_that_is_killed_goes_on(tmp_path: Path) -> None:
    scene = Training(tmp_path)
    scene.options = (*SHORT, "pairs.workers=1")
    assert differences(scene, 3) == []


def test_a_sweep_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Its job saves and ends, so that the same command can be given at once."""
    scene = Jobs(tmp_path)
    scene.options, scene.methods = (*SHORT, "pretrain_iterations=0"), "full"
    assert differences(scene, 1) == []
