import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from biasgan.cli.options import with_options_of_resumed
from biasgan.runs.log import read_log
from biasgan.runs.resumption import checkpoint_of
from biasgan.runs.weights import CheckpointError

from ..conftest import Command, tiny

OPTIONS = ("iterations=6", "checkpoint_every=2", "validate_every=3", "+training.log_every=1")


def damage(path: Path) -> None:
    """Flip a bit in the weights, which PyTorch would not notice."""
    content = bytearray(path.read_bytes())
    place = content.index(torch.load(path)["state_dict"]["generator.body.0.bias"].numpy().tobytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(command: Command, pictures: Path, tmp_path: Path) -> None:
    options = tiny(pictures, *OPTIONS, "hydra.run.dir=run", "resume=auto")
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert command(*options, "trainer.max_steps=5").status == 0
    shutil.copytree(run, tmp_path / "named")
    last, previous = (run / "checkpoints" / f"{name}.ckpt" for name in ("last", "previous"))
    damage(last)
    done = command(*options)
    assert done.status == 0
    assert f"{last} is no readable checkpoint" in done.out
    assert "Going on from previous.ckpt, at iteration 4." in done.out
    assert [torch.load(path)["global_step"] for path in (last, previous)] == [6, 4]

    assert command(*tiny(pictures, *OPTIONS, "hydra.run.dir=whole")).status == 0
    for name in ("generator", "discriminator"):
        one, other = (load_file(folder / f"{name}.safetensors") for folder in (run, whole))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert [row for row in read_log(run / "log.csv") if "generator/pixel" in row] == [
        row for row in read_log(whole / "log.csv") if "generator/pixel" in row
    ]

    # The same by name, without options; and no good checkpoint is lost while the damaged one is replaced.
    damage(tmp_path / "named/checkpoints/last.ckpt")
    done = command("resume=named", "trainer.max_steps=6")
    assert done.status == 0
    assert done.out.count("Going on from previous.ckpt, at iteration 4.") == 1
    last, previous = (tmp_path / "named" / "checkpoints" / f"{name}.ckpt" for name in ("last", "previous"))
    assert [torch.load(path)["global_step"] for path in (last, previous)] == [6, 4]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with three checkpoints that are nothing but whole."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for number, name in enumerate(("best", "previous", "last")):
        content = {"global_step": number, "config": {"options": [f"qf={number + 1}"]}}
        torch.save(content, tmp_path / "run" / "checkpoints" / f"{name}.ckpt")
    return tmp_path / "run"


def test_the_newest_checkpoint_that_is_whole_counts(run: Path) -> None:
    for name, option in (("last", "qf=3"), ("previous", "qf=2"), ("best", "qf=1")):
        file = run / "checkpoints" / f"{name}.ckpt"
        assert checkpoint_of(run) == file
        assert with_options_of_resumed([f"resume={run}"])[0] == option
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"No checkpoint of .*run is whole(?s:.*)last(?s:.*)previous(?s:.*)best"):
        checkpoint_of(run)


def test_where_the_last_is_missing_the_one_before_counts(run: Path) -> None:
    """Nothing was damaged, so there is nothing to say."""
    (run / "checkpoints" / "last.ckpt").unlink()
    assert checkpoint_of(run, tell=True).name == "previous.ckpt"


def test_of_a_file_that_is_damaged_no_other_is_taken(command: Command, run: Path) -> None:
    file = run / "checkpoints" / "last.ckpt"
    file.write_bytes(file.read_bytes()[:-100])
    done = command(f"resume={file}")
    assert done.status == 1
    assert f"error: {file} is no readable checkpoint" in done.err


def test_a_run_whose_checkpoints_are_all_damaged_is_not_begun_anew(command: Command, pictures: Path, run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        file.write_bytes(b"")
    for arguments in (tiny(pictures, "resume=auto", f"hydra.run.dir={run}"), [f"resume={run}"]):
        done = command(*arguments)
        assert done.status == 1
        assert "is whole, so it cannot be resumed" in done.err
        assert "Traceback" not in done.err
