import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from biasgan.data.dataset import Pair
from biasgan.runs.log import read_log
from biasgan.training.loggers.csv_log import CSVLog

from ..conftest import Command, Done, files_of_at_most, tiny

OPTIONS = ("iterations=8", "checkpoint_every=2", "validate_every=4", "hydra.run.dir=run", "+training.log_every=1")


class Remove(Callback):
    """Removes files or folders after an iteration, as somebody might."""

    def __init__(self, pattern: str, after: int) -> None:
        self.pattern = pattern
        self.after = after

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        if trainer.global_step == self.after:
            for place in Path().glob(self.pattern):
                shutil.rmtree(place) if place.is_dir() else place.unlink()


def removing(pattern: str, after: int = 5) -> list[str]:
    node = {"_target_": f"{__name__}.Remove", "pattern": f"'{pattern}'", "after": after}
    return [f"+callbacks.remove.{key}={value}" for key, value in node.items()]


def assert_one_error(done: Done, words: str) -> None:
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert words in done.err
    assert "Traceback" not in done.err + done.out


@pytest.mark.parametrize("pattern", ["run", "run/log.csv"])
def test_a_run_folder_that_is_removed_ends_the_training(
    command: Command, pictures: Path, tmp_path: Path, pattern: str
) -> None:
    done = command(*tiny(pictures, *OPTIONS, *removing(pattern)))
    assert_one_error(done, f"The log {tmp_path}/run/log.csv could not be written, so the training ends")
    # Nothing is begun anew in the middle, and what was good is good.
    assert not (tmp_path / "run" / "log.csv").exists()
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert last.exists() == (pattern != "run")
    if last.exists():
        assert torch.load(last)["global_step"] == 4


def test_without_a_log_the_checkpoint_ends_it(command: Command, pictures: Path, tmp_path: Path) -> None:
    done = command(*tiny(pictures, *OPTIONS, "logger=none", *removing("run")))
    assert_one_error(done, f"The checkpoint {tmp_path}/run/checkpoints/last.ckpt could not be written")
    assert not (tmp_path / "run").exists()


def test_a_pair_that_vanishes_is_named_and_made_again(command: Command, pictures: Path, tmp_path: Path) -> None:
    """Those that were shown before are mapped into memory and stay; the first validation needs others."""
    done = command(*tiny(pictures, *OPTIONS, *removing("cache/pairs/*/20/*.npy", after=3)))
    assert_one_error(done, "was there at the start and is gone. The same command makes it again")
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert command("resume=run", "~callbacks.remove").status == 0


def test_pictures_that_cannot_be_written_end_nothing(command: Command, pictures: Path, tmp_path: Path) -> None:
    for name in ("preview", "curves"):
        (tmp_path / "run" / f"{name}.png").mkdir(parents=True)
    done = command(*tiny(pictures, *OPTIONS, drawn=True))
    assert done.status == 0
    for name in ("preview", "curves"):
        line = f"run/{name}.png could not be written: Is a directory. The training goes on without."
        assert done.out.count(line) == 2
    assert (tmp_path / "run" / "summary.json").is_file()


def test_a_log_on_a_full_disk_says_so(tmp_path: Path) -> None:
    """A file size limit stands in for it."""
    log = CSVLog(tmp_path / "log.csv")
    log.start(0)
    log.log_metrics({"a": 1.0}, step=1)
    with files_of_at_most(log.path.stat().st_size + 2):
        with pytest.raises(OSError, match=r"The log .*log\.csv could not be written.* File too large"):
            log.log_metrics({"a": 2.0}, step=2)
        with pytest.raises(OSError, match=r"The log .*log\.csv could not be written"):
            log.log_metrics({"another": 2.0}, step=2)
    assert read_log(log.path)[0] == {"iteration": 1, "a": 1}
    log.start(1)
    assert read_log(log.path) == [{"iteration": 1, "a": 1}]
