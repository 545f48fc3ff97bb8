import random
import shutil
from pathlib import Path

from biasgan.runs.folder import RunFolder
from biasgan.training.loggers.wandb_log import WandbLog, kept_id

from ...conftest import Command, tiny


def test_a_folder_keeps_the_id_of_its_run(tmp_path: Path) -> None:
    log = WandbLog(tmp_path / "run")
    assert log.version is None
    first = log.start().id
    log.finalize("success")
    assert WandbLog(tmp_path / "run").version == log.version == kept_id(tmp_path / "run") == first
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert kept_id(tmp_path / "copy") == first


def test_the_same_path_with_the_same_seed_is_another_run(tmp_path: Path) -> None:
    """As in two containers, or where a sweep was deleted and is run again."""
    found: set[str | None] = set()
    for _ in range(2):
        random.seed(0)
        WandbLog(tmp_path / "run").begin_anew()
        found.add(kept_id(tmp_path / "run"))
        shutil.rmtree(tmp_path / "run")
    WandbLog(tmp_path / "run", id="named").begin_anew()
    assert len(found) == 2
    assert None not in found
    assert kept_id(tmp_path / "run") == "named"


def test_earlier_runs_are_known_by_the_folders_of_wandb(tmp_path: Path) -> None:
    assert kept_id(tmp_path) is None
    for name in ("run-20250101_000000-older", "offline-run-20260101_000000-the-newest", "latest-run", "settings"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    assert kept_id(tmp_path) == "the-newest"
    log = WandbLog(tmp_path)
    assert log.start().id == "the-newest"
    log.finalize("success")
    assert RunFolder(tmp_path).wandb_id.read_text() == "the-newest\n"


def test_what_was_stopped_before_its_first_checkpoint_goes_on_in_its_run(
    command: Command, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run").wandb_id.write_text("mine\n")
    options = tiny(pictures, "logger=wandb", "iterations=1", "pretrain_iterations=0", "hydra.run.dir=run")
    assert command(*options, "resume=auto").status == 0
    assert kept_id(tmp_path / "run") == "mine"
    assert len(list((tmp_path / "run" / "wandb").glob("offline-run-*-mine"))) == 1
