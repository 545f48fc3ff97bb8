from pathlib import Path

import pytest

from biasgan.training.alone import alone_in

from ..conftest import Command, tiny


def test_one_training_at_a_time(command: Command, pictures: Path, tmp_path: Path) -> None:
    with alone_in(tmp_path / "run", patience=0):
        done = command(*tiny(pictures, "hydra.run.dir=run"))
    assert done.status == 1
    assert f"error: Another training is at work in {tmp_path}/run. Wait until it ends" in done.err
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_only_the_first_of_several_processes_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alone_in(tmp_path, patience=0):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with alone_in(tmp_path, patience=0):
            pass
        monkeypatch.setenv("LOCAL_RANK", "0")
        with pytest.raises(RuntimeError), alone_in(tmp_path, patience=0):
            pass


def test_what_a_killed_training_was_writing_is_removed(tmp_path: Path) -> None:
    for place in (".partial-1-log.csv", "checkpoints/.partial-2-last.ckpt", "wandb/.partial-3", "log.csv"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    with alone_in(tmp_path, patience=0):
        left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {".lock", "wandb/.partial-3", "log.csv"}
