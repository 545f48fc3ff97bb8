import os
from pathlib import Path

import pytest
from PIL import Image

from biasgan.io.files import fitting
from biasgan.io.images import ImageError
from biasgan.io.listing import (
    COMPARE,
    RESTORED,
    distinct,
    extensions,
    list_images,
    listing,
    result_name,
    without_results,
)


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path) -> list[str]:
    return [file.relative_to(root).as_posix() for file in list_images(root)]


def test_lists_images_by_extension(tmp_path: Path) -> None:
    hidden = (".hidden.png", ".cache/d.png", "deep/.e.png")
    make(tmp_path, "b.PNG", "a.jpg", "deep/c.tiff", "d.jfif", "e.JPE", "f.mpo", "notes.txt", "README", *hidden)
    (tmp_path / "folder.png").mkdir()
    assert found(tmp_path) == ["a.jpg", "b.PNG", "d.jfif", "deep/c.tiff", "e.JPE", "f.mpo"]
    assert listing(tmp_path).left_out == ["2 other files (without extension, .txt)"]


def test_what_pillow_leaves_to_other_programs_is_no_image() -> None:
    for extension in (".jpg", ".jpeg", ".jfif", ".jpe", ".jp2", ".png", ".webp", ".tif", ".psd", ".mpo"):
        assert extension in extensions()
    assert not {".eps", ".ps", ".wmf", ".h5", ".mpg", ".pdf", ".txt"} & set(extensions())
    known = Image.registered_extensions()
    assert all(known[extension] in Image.OPEN for extension in extensions() if extension != ".mpo")


def test_hidden_folders_above_do_not_matter(tmp_path: Path) -> None:
    make(tmp_path, ".cache/a.png")
    assert found(tmp_path / ".cache") == ["a.png"]


def test_folders_without_images_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing is not a folder; expected one with images"):
        list_images(tmp_path / "missing")
    with pytest.raises(ImageError, match=r"has no images in it or in its subfolders; expected .*reads\.$"):
        list_images(tmp_path)
    make(tmp_path, "a.raw", "b.raw")
    with pytest.raises(ImageError, match=r"reads; 2 other files \(\.raw\) left out\.$"):
        list_images(tmp_path)


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    make(tmp_path, "set/a/1.png", "other/2.png", "other/deep/3.png")
    for link, target in (
        *(("set/loop", "."), ("set/up", ".."), ("set/b", "a"), ("set/x", "../other/deep"), ("set/y", "../other")),
        *(("set/self.png", "self.png"), ("set/gone.png", "nowhere.png"), ("set/4.png", "a/1.png")),
    ):
        (tmp_path / link).symlink_to(target)
    seen = listing(tmp_path / "set")
    assert [file.relative_to(tmp_path / "set").as_posix() for file in seen.files] == [
        *("4.png", "a/1.png", "up/other/2.png", "up/other/deep/3.png"),
    ]  # fmt: skip
    assert sorted(path.name for path in seen.others) == ["gone.png", "self.png"]
    assert "links to folders that are taken already" in " ".join(seen.left_out)


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    # Step by step, deeper than a path may be long.
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=place)
        place, above = os.open("d" * 250, os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)
    (closed,) = listing(tmp_path).closed
    assert closed.endswith("cannot be looked into: File name too long.")
    with pytest.raises(ImageError, match="cannot be looked into"):
        list_images(tmp_path)


def test_results_beside_their_inputs_are_told(tmp_path: Path) -> None:
    long = "x" * 251
    files = [tmp_path / name for name in ("a.jpg", f"{long}.jpg", "b-restored.png", "c.png", "c.bmp")]
    made = [
        tmp_path / f"{result_name(name, word)}.webp"
        for name in ("a", long, "c-png", "c-bmp")
        for word in (RESTORED, COMPARE)
    ]
    assert max(len(file.name) for file in made) == 255
    assert without_results([*files, *made]) == files


def test_no_two_names_are_equal() -> None:
    names = ("day/1.png", "night/1.png", "a.jpg", "A.png", "b.jpg", "b.JPG", "c.d.png")
    assert [name.as_posix() for name in distinct([Path(name) for name in names])] == [
        *("day/1", "night/1", "a-jpg", "A-png", "b-jpg", "b-JPG-2", "c.d"),
    ]  # fmt: skip


def test_long_names_fit_and_stay_apart() -> None:
    assert fitting("a" * 246, "-x") == "a" * 246 + "-x"
    one, other = fitting("ä" * 130 + "1"), fitting("ä" * 130 + "2")
    assert one != other
    assert one == fitting("ä" * 130 + "1")
    assert 248 <= len(one.encode()) <= 250
    assert fitting("a" * 251, room=4) == "a" * 251
