import subprocess
import sys
from pathlib import Path

import pytest

from biasgan.data import sets
from biasgan.images import ImageError


def fill(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"{number:02}.png").touch()


def test_samples_are_there_and_disjoint() -> None:
    images = sets.sample()
    assert all(file.is_file() for file in images.train + images.valid)
    assert len(images.train) >= 4
    assert len(images.valid) >= 2
    assert not {file.read_bytes() for file in images.train} & {file.read_bytes() for file in images.valid}


def test_samples_do_not_import_scikit_image() -> None:
    code = "import sys; from biasgan.data.sets import sample; sample(); assert 'skimage' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_missing_samples_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="come with scikit-image: pip install scikit-image, or data=folder"):
        sets.sample()
    monkeypatch.undo()
    monkeypatch.setattr(sets, "VALID", ("absent.png",))
    with pytest.raises(FileNotFoundError, match=r"lacks absent\.png"):
        sets.sample()


@pytest.mark.parametrize(("count", "every", "valid"), [(25, 10, ["09", "19"]), (5, 10, ["04"]), (2, 2, ["01"])])
def test_folder_holds_every_so_many_out(tmp_path: Path, count: int, every: int, valid: list[str]) -> None:
    fill(tmp_path, count)
    images = sets.folder(tmp_path, every)
    assert [file.stem for file in images.valid] == valid
    assert sorted(images.train + images.valid) == sorted(tmp_path.iterdir())
    assert images == sets.folder(str(tmp_path), every)


def test_folder_takes_given_sides(tmp_path: Path) -> None:
    fill(tmp_path / "train", 3)
    fill(tmp_path / "valid", 2)
    images = sets.folder(tmp_path)
    assert [len(side) for side in images] == [3, 2]
    assert {file.parent.name for file in images.train} == {"train"}


def test_folders_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        sets.folder(tmp_path / "nowhere")
    with pytest.raises(ImageError, match="has no images"):
        sets.folder(tmp_path)
    fill(tmp_path, 1)
    with pytest.raises(ImageError, match=r"only one image, 00\.png"):
        sets.folder(tmp_path)
    with pytest.raises(ValueError, match=r"valid_every must be at least 2.*got 1"):
        sets.folder(tmp_path, 1)
    fill(tmp_path / "valid", 1)
    with pytest.raises(FileNotFoundError, match="train is not a folder"):
        sets.folder(tmp_path)
    fill(tmp_path / "train", 0)
    with pytest.raises(ImageError, match="train has no images"):
        sets.folder(tmp_path)
