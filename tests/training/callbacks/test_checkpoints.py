from pathlib import Path

import pytest
import torch

from biasgan.runs.log import read_log
from biasgan.training.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.schedule import Constant

from ...conftest import files_of_at_most
from ..conftest import MakePairs, make_fidelity, make_gan, make_trainer


def steps_of(folder: Path) -> dict[str, int]:
    return {path.name: torch.load(path)["global_step"] for path in folder.glob("*.ckpt")}


def test_checkpoints_are_named_and_made_by_iteration(make_pairs: MakePairs, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every=5)
    make_trainer(checkpoints, max_steps=7, validate_every=3).fit(make_fidelity(), datamodule=make_pairs())
    steps = steps_of(tmp_path)
    assert (steps["last.ckpt"], steps["previous.ckpt"]) == (7, 5)
    assert steps.keys() == {"last.ckpt", "previous.ckpt", "best.ckpt"}


def test_the_pixel_stage_does_not_compete_for_the_best(make_pairs: MakePairs, tmp_path: Path) -> None:
    gan = make_gan(iterations=6, pretrain_iterations=4)
    gan.schedule = Constant(0.1)  # ruins what the pixel stage has learned
    log = CSVLog(tmp_path / "log.csv")
    trainer = make_trainer(Checkpoints(tmp_path, every=100), loggers=(log,), max_steps=6, validate_every=2)
    trainer.fit(gan, datamodule=make_pairs(iterations=6))
    psnr = {row["iteration"]: row["valid/psnr"] for row in read_log(log.path) if "valid/psnr" in row}
    assert psnr[4] > psnr[6]
    assert steps_of(tmp_path) == {"best.ckpt": 6, "last.ckpt": 6}


def test_a_write_that_fails_leaves_the_previous_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: the write breaks off in the middle."""
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.ones(3)}, path)
    message = r"last.ckpt could not be written; the one before is still there"
    with files_of_at_most(100_000), pytest.raises(OSError, match=message):
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1_000_000)}, path)
    assert torch.equal(torch.load(path)["weights"], torch.ones(3))
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file.*could not be written"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "file" / "last.ckpt")


def test_the_best_is_the_best_in_its_metric(make_pairs: MakePairs, tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "log.csv")
    worst = Checkpoints(tmp_path, every=100, mode="min")
    gan = make_gan(iterations=6)
    make_trainer(worst, loggers=(log,), max_steps=6, validate_every=2).fit(gan, datamodule=make_pairs(iterations=6))
    psnr = {row["iteration"]: row["valid/psnr"] for row in read_log(log.path) if "valid/psnr" in row}
    assert steps_of(tmp_path)["best.ckpt"] == min(psnr, key=lambda iteration: psnr[int(iteration)])
    assert worst.state_dict() == {"metric": "psnr", "best": min(psnr.values())}

    other = Checkpoints(tmp_path, every=100, metric="ssim")
    other.load_state_dict(worst.state_dict())
    assert other.best is None
    other = Checkpoints(tmp_path, every=100)
    other.load_state_dict({"best_psnr": 23.5})
    assert other.best == 23.5


def test_what_is_best_must_be_known_before_the_first_iteration(make_pairs: MakePairs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"best.metric=lpips is none of the metrics .* has, psnr\. Set best.metric"):
        make_trainer(Checkpoints(tmp_path, every=2, metric="lpips")).fit(make_gan(), datamodule=make_pairs())
    with pytest.raises(ValueError, match=r"best.mode must be max, min, or null .*; got 'up'"):
        Checkpoints(tmp_path, every=2, mode="up")
    assert not list(tmp_path.glob("*.ckpt"))


def test_a_checkpoint_of_the_same_iteration_does_not_take_the_place_of_the_one_before(tmp_path: Path) -> None:
    write, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    for iteration in (4, 5, 5):
        write.save_checkpoint({"global_step": iteration}, path)
    assert steps_of(tmp_path) == {"last.ckpt": 5, "previous.ckpt": 4}
