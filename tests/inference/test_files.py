import os
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, nn

from biasgan.inference.files import read_ahead, restore_files
from biasgan.inference.photo import read_photo
from biasgan.inference.plan import Job


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
    items = read_ahead(jobs(tmp_path, "a", "b", "c", "d"))
    assert next(items).photo is not None
    # Opening the pipe waits for its reader, so it is being read while the first photograph is in use.
    with (tmp_path / "b").open("wb") as pipe:
        save(tmp_path / "c", 10)
        pipe.write(content)
    (tmp_path / "d").unlink()
    assert [item.photo is not None for item in items] == [True, True, False]


def test_there_may_be_nothing_to_read() -> None:
    assert list(read_ahead([])) == []


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
