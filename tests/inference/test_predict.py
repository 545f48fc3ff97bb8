import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from biasgan.inference.photo import read_photo
from biasgan.inference.plan import Job
from biasgan.inference.predict import ReadAhead, devices_of, restore_files


class Logarithm(nn.Module):
    """1 + log(image) / 8: clamped to 0 for small numbers, and infinite for black."""

    def forward(self, image: Tensor) -> Tensor:
        return 1 + image.log() / 8


def jobs(folder: Path, *names: str, compare: bool = False) -> list[Job]:
    return [
        Job(folder / name, folder / "out" / f"{name}.png", folder / "out" / f"{name}-compare.png" if compare else None)
        for name in names
    ]


def save(path: Path, level: int) -> None:
    Image.fromarray(np.full((4, 5, 3), level, np.uint8)).save(path, format="PNG")


def test_one_file_is_read_ahead_and_no_more(tmp_path: Path) -> None:
    for name in ("a", "b", "d"):
        save(tmp_path / name, 10)
    content = (tmp_path / "b").read_bytes()
    (tmp_path / "b").unlink()
    os.mkfifo(tmp_path / "b")
    items = iter(ReadAhead(jobs(tmp_path, "a", "b", "c", "d")))
    assert next(items).photo is not None
    # Opening the pipe waits for its reader, so it is being read while the first photograph is in use.
    with (tmp_path / "b").open("wb") as pipe:
        save(tmp_path / "c", 10)
        pipe.write(content)
    (tmp_path / "d").unlink()
    assert [item.photo is not None for item in items] == [True, True, False]


def test_there_may_be_nothing_to_read() -> None:
    assert list(ReadAhead([])) == []


def test_what_fails_is_an_outcome(tmp_path: Path) -> None:
    for name, level in (("a", 50), ("black", 0), ("c", 255), ("kept", 9)):
        save(tmp_path / name, level)
    (tmp_path / "broken").write_text("no image")
    (tmp_path / "file").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/kept.png").write_text("as it was")
    todo = [
        *jobs(tmp_path, "a", "broken", "black"),
        Job(tmp_path / "c", tmp_path / "file/c.png", None),
        *jobs(tmp_path, "c", "kept", compare=True),
    ]
    # One outcome for each, in order: the two of c have different reasons.
    outcomes = restore_files(todo, Logarithm(), device="cpu", precision="32")
    assert outcomes is not None
    reasons = [outcome.error for outcome in outcomes]
    assert [reason is None for reason in reasons] == [True, False, False, False, True, True]
    assert str(reasons[1]).startswith(f"{tmp_path}/broken is not an image that Pillow")
    assert reasons[2] == f"{tmp_path}/black cannot be restored: Logarithm gives infinities or NaN."
    assert str(reasons[3]).startswith(f"{tmp_path}/file/c.png cannot be written: ")
    level = round(255 * (1 + np.log(50 / 255) / 8))
    assert (read_photo(tmp_path / "out/a.png").colour == level).all()
    assert (tmp_path / "out/kept.png").read_text() == "as it was"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("a.png", "c-compare.png", "c.png", "kept-compare.png", "kept.png"),
    ]  # fmt: skip


def test_strength_and_overwriting(tmp_path: Path) -> None:
    save(tmp_path / "a", 50)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").touch()
    restore_files(jobs(tmp_path, "a"), Logarithm(), strength=0.5, overwrite=True, device="cpu", precision="32", tile=66)
    level = round(255 * (50 / 255 + 1 + np.log(50 / 255) / 8) / 2)
    assert (read_photo(tmp_path / "out/a.png").colour == level).all()


def test_devices_are_as_many_as_there_are_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    cpu, gpu, second = (torch.device(name) for name in ("cpu", "cuda", "cuda:1"))
    assert [devices_of(gpu, None, images) for images in (1, 3, 9)] == [1, 3, 4]
    assert [devices_of(cpu, None, 9), devices_of(cpu, 2, 9), devices_of(gpu, 2, 9)] == [1, 2, 2]
    assert [devices_of(second, None, 9), devices_of(second, 1, 9)] == [[1], [1]]
    with pytest.raises(ValueError, match=r"devices=5: expected from 1 to 4"):
        devices_of(gpu, 5, 9)
    with pytest.raises(ValueError, match=r"device=cuda:1 is a single one; leave its number out to take 2"):
        devices_of(second, 2, 9)
