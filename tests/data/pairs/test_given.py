import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from biasgan.codecs.jpeg import JPEG
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.given import GivenPairs
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.sets import ImageSet
from biasgan.io.images import ImageError, read_image

from ..conftest import MakeImages


@pytest.fixture
def original(make_images: MakeImages, tmp_path: Path) -> Path:
    """Twelve originals."""
    make_images(12, folder="original")
    return tmp_path / "original"


@pytest.fixture
def compressed(original: Path, tmp_path: Path) -> Path:
    """The same as JPEG files."""
    return compress(original, tmp_path / "compressed", original.iterdir())


def compress(root: Path, other_root: Path, files: Iterable[Path]) -> Path:
    for file in files:
        path = (other_root / file.relative_to(root)).with_suffix(".jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG().encode(read_image(file), 20).data)
    return other_root


def given(original: Path, compressed: Path, **more: Any) -> GivenPairs:  # noqa: ANN401
    return GivenPairs(original, compressed, original.parent / "store", **more)


def entries_of(pairs: GivenPairs, tell: bool = False) -> list[StoredEntry]:
    train, valid = pairs.open(1, tell)
    return [*train, *valid]


def test_pairs_are_what_the_files_show(original: Path, compressed: Path) -> None:
    pairs = given(original, compressed)
    train, valid = pairs.open(32, tell=True)
    assert [entry.name for entry in valid] == ["09"]
    assert [entry.name for entry in train] == [f"{number:02}" for number in range(12) if number != 9]
    for entry in (*train, *valid):
        file = compressed / f"{entry.name}.jpg"
        shown = read_image(file), read_image(original / f"{entry.name}.png")
        assert all(map(np.array_equal, entry.pixels(), shown))
        assert (entry.bits, entry.quality, entry.bitstream) == (8 * file.stat().st_size, None, None)
        assert entry.compressed.parent == pairs.folder
        assert json.loads(entry.record.read_bytes())["source"] == f"{entry.name}.png"
    assert pairs.identity == {"codec": "given"}
    assert pairs.check() == []


def test_decoded_pairs_are_kept(original: Path, compressed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = entries_of(given(original, compressed), tell=True)
    assert "given pairs" in capsys.readouterr().err
    assert entries_of(given(original, compressed), tell=True) == entries
    rule = f"of every 10 images in {original} the last by name is for validation"
    assert capsys.readouterr() == ("", f"11 images to train with, 1 for validation: {rule}.\n")
    for path in (original / "03.png", compressed / "04.jpg"):
        os.utime(path)
    inodes = [entry.compressed.stat().st_ino for entry in entries]
    assert entries_of(given(original, compressed)) == entries
    assert [entry.compressed.stat().st_ino for entry in entries] == inodes


def test_a_changed_file_makes_another_pair(original: Path, compressed: Path) -> None:
    before = entries_of(given(original, compressed))[0]
    (compressed / "00.jpg").write_bytes(JPEG().encode(read_image(original / "00.png"), 30).data)
    after = entries_of(given(original, compressed))[0]
    assert after.original == before.original
    assert after.compressed != before.compressed
    assert np.array_equal(after.pixels()[0], read_image(compressed / "00.jpg"))


def test_originals_are_shared_with_coded_sets(original: Path, compressed: Path) -> None:
    files = sorted(original.iterdir())
    coded = CodedPairs(ImageSet(files[:2], files[2:3]), JPEG(), 20, original.parent / "store").open(1, tell=False)
    assert coded.train[0].original == entries_of(given(original, compressed))[0].original


@pytest.mark.parametrize("kind", ["original", "compressed", "record"])
def test_damage_is_named_and_made_good(
    original: Path, compressed: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    pairs = given(original, compressed)
    entries = entries_of(pairs)
    whole = [entry.pixels()[0].copy() for entry in entries]
    path: Path = getattr(entries[2], kind)
    data = bytearray(path.read_bytes())
    data[-50] ^= 4
    path.write_bytes(data)
    (problem,) = pairs.check()
    assert problem.startswith("02: ")
    assert str(path) in problem
    assert entries_of(pairs, tell=True) == entries
    assert str(path) in capsys.readouterr().err
    assert all(map(np.array_equal, whole, [entry.pixels()[0] for entry in entries]))
    assert pairs.check() == []


def test_given_sides(original: Path, compressed: Path) -> None:
    for root in (original, compressed):
        (root / "train" / "deep").mkdir(parents=True)
        (root / "valid").mkdir()
        for number, file in enumerate(sorted(root.glob("*.*"))):
            file.rename(root / ("train/deep" if number % 3 else "valid") / file.name)
    train, valid = given(original, compressed).open(1, tell=False)
    assert [entry.name for entry in valid] == ["00", "03", "06", "09"]
    assert [entry.place for entry in valid] == ["valid/00", "valid/03", "valid/06", "valid/09"]
    assert len(train) == 8
    for root in (original, compressed):
        (root / "train_LR").mkdir()
        shutil.copy(next((root / "valid").glob("00.*")), root / "train_LR")
    assert given(original, compressed).open(1, tell=False) == (train, valid)
    shutil.rmtree(original / "valid")
    with pytest.raises(ImageError, match="and none to validate with"):
        given(original, compressed)


def test_sides_with_other_words_in_their_names(original: Path, compressed: Path) -> None:
    for root in (original, compressed):
        files = sorted(root.iterdir())
        for name, some in (("BSD400_train", files[:8]), ("BSD68_valid", files[8:])):
            (root / name).mkdir()
            for file in some:
                file.rename(root / name / file.name)
    train, valid = given(original, compressed).open(1, tell=False)
    assert {entry.place.split("/")[0] for entry in train} == {"BSD400_train"}
    assert {entry.place.split("/")[0] for entry in valid} == {"BSD68_valid"}


@pytest.fixture
def spoilt(original: Path, compressed: Path) -> list[str]:
    """One bad pair of each kind, and what must be said of it."""
    (compressed / "00.jpg").unlink()
    (original / "01.png").unlink()
    (compressed / "02.jpg").write_text("no picture")
    (original / "03.png").write_bytes((original / "03.png").read_bytes()[:200])
    (compressed / "03.jpg").write_text("no picture")
    Image.new("RGB", (89, 74)).save(compressed / "04.jpg")
    Image.new("RGB", (90, 75)).save(compressed / "05.webp")
    return [
        f"{original / '00.png'} has no partner: no compressed image is called 00.",
        f"{compressed / '01.jpg'} has no partner: no original image is called 01.",
        f"{compressed / '02.jpg'} is not an image that Pillow",
        f"{original / '03.png'} cannot be read: ",
        f"{original / '04.png'} has 90 x 74 pixels, but {compressed / '04.jpg'} has 89 x 74.",
        f"{compressed / '05.jpg'} and {compressed / '05.webp'} have the same name but for the extension.",
    ]


def test_every_bad_file_is_named_by_a_check(original: Path, compressed: Path, spoilt: list[str]) -> None:
    problems = given(original, compressed).check()
    for expected in (*spoilt, f"{compressed / '03.jpg'} is not an image that Pillow"):
        assert sum(problem.startswith(expected) for problem in problems) == 1
    assert len(problems) == 7
    assert not (original.parent / "store").exists()


def test_bad_pairs_stop_or_are_skipped(
    original: Path, compressed: Path, spoilt: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImageError) as caught:
        given(original, compressed).open(1, tell=True)
    assert "6 of the images cannot be used; pairs.bad_images=skip goes on without them" in str(caught.value)
    assert all(expected in str(caught.value) for expected in spoilt)
    train, valid = given(original, compressed, bad_images="skip").open(1, tell=True)
    assert (len(train), len(valid)) == (5, 1)
    assert "6 of the images are skipped:" in capsys.readouterr().err


def test_small_pairs_are_named(original: Path, compressed: Path) -> None:
    with pytest.raises(ImageError, match="00 has 90 x 70 pixels, less than patch_size=72"):
        given(original, compressed).open(72, tell=False)


def test_pictures_on_both_sides_are_named(original: Path, compressed: Path) -> None:
    Image.open(original / "02.png").save(original / "09.png", compress_level=1)
    compress(original, compressed, [original / "09.png"])
    pairs = given(original, compressed)
    assert pairs.check() == ["The same picture is in training and in validation: 02 = 09."]
    with pytest.raises(ImageError, match="The same picture is in training and in validation: 02 = 09"):
        pairs.open(1, tell=True)


def test_folders_that_do_not_serve(original: Path, compressed: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        given(original, tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        given(tmp_path / "nowhere", compressed)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty has no images"):
        given(original, tmp_path / "empty")
    with pytest.raises(ValueError, match="workers must be at least 0"):
        given(original, compressed, workers=-1)
