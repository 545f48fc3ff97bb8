import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from biasgan.data import sets
from biasgan.inference.plan import plan
from biasgan.io.download import DownloadError
from biasgan.io.images import ImageError

from ..conftest import Command
from ..io.faulty_server import FaultyServer, faulty_server


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
    assert (len(images.train), len(images.valid)) == (3, 2)
    assert {file.parent.name for file in images.train} == {"train"}
    assert images.rule == f"by folders: {tmp_path / 'train'} to train with, {tmp_path / 'valid'} for validation"


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
    fill(tmp_path / "train", 0)
    with pytest.raises(ImageError, match=r"images to validate with in .*valid, and none to train with in a folder"):
        sets.folder(tmp_path)


TWO_SIDES = [
    ("train", "valid"),
    ("Train", "VAL"),
    ("training", "validation"),
    ("training_set", "validation-set"),
    ("trainHR", "validHR"),
    ("train2017", "val2017"),
    ("traindata", "valset"),
    ("imagesTr", "imagesTs"),
    ("images/train", "images/val"),
    ("train/images", "test/images"),
    ("data/BSDS500/images/train", "data/BSDS500/images/val"),
    ("LSDIR_train", "LSDIR_valid"),
    ("DIV2K_train_HR", "DIV2K_valid_HR"),
    ("DIV2K/DIV2K_train_HR", "DIV2K/DIV2K_valid_HR"),
    ("DIV2K_train_HR/DIV2K_train_HR", "DIV2K_valid_HR/DIV2K_valid_HR"),
    ("train_sharp/000", "val_sharp/000"),
    ("BSD400_train", "BSD68_valid"),
    ("BSD400_train", "BSD68_test"),
    ("sets/LSDIR_train", "sets/Kodak24_val"),
    ("BSD400/BSD400_train", "BSD68/BSD68_valid"),
    ("train_large_images", "validation_large"),
    ("train.large", "val.small"),
    ("train_final", "val_final_v2"),
    ("DF2K_train_HR", "DIV2K_valid_HR"),
    ("DIV2K_train_HR_sub", "DIV2K_valid_HR"),
    ("train_256x256", "valid"),
    ("train_images", "Kodak_test"),
    ("Train_Set_Final", "Val_Set"),
    ("train", "hold-out"),
    ("train", "heldout"),
    ("mytrain", "myval"),
    ("mytrain", "my_val"),
    ("Xtrain", "Xtest"),
    ("trainfiles", "valfiles"),
    ("Trainingsdaten", "Validierung"),
]


@pytest.mark.parametrize(("train", "valid"), TWO_SIDES)
def test_no_image_of_a_folder_for_validation_is_trained_on(tmp_path: Path, train: str, valid: str) -> None:
    touch(tmp_path / train, ("0001.png", "0002.png"))
    touch(tmp_path / valid, ("0801.png",))
    touch(tmp_path, ("preview.png", "notes.txt"))
    images = sets.folder(tmp_path)
    assert images.train == [tmp_path / train / name for name in ("0001.png", "0002.png")]
    assert images.valid == [tmp_path / valid / "0801.png"]
    assert images.rule.startswith("by folders: ")
    assert list(images.left_out) == ["1 image in folders of neither side", "1 other file (.txt)"]


def test_a_test_side_beside_the_other_two_is_left_out(tmp_path: Path) -> None:
    for side, number in (("train", 3), ("val", 2), ("test", 4)):
        fill(tmp_path / side, number)
    images = sets.folder(tmp_path)
    assert (len(images.train), len(images.valid), images.left_out) == (3, 2, ["4 images to test with"])


@pytest.mark.parametrize(
    "low", ["DIV2K_train_LR_bicubic/X2", "DIV2K_valid_LR_unknown/X4", "train/LR", "train_blur", "X3", "compressed"]
)
def test_copies_of_lower_quality_are_no_originals(tmp_path: Path, low: str) -> None:
    touch(tmp_path / "train", ("0001.png",))
    touch(tmp_path / "valid", ("0801.png",))
    touch(tmp_path / low, ("0001x2.png", "0801x2.png"))
    images = sets.folder(tmp_path)
    assert [file.name for file in images.train + images.valid] == ["0001.png", "0801.png"]
    assert images.left_out == ["2 images of lower quality, by the names of their folders"]


def test_a_folder_of_nothing_else_is_taken(tmp_path: Path) -> None:
    touch(tmp_path / "LR", ("1.png", "2.png"))
    assert len(sets.folder(tmp_path).train) == 1


@pytest.mark.parametrize("place", ["", "DIV2K"])
def test_images_of_div2k_in_one_folder_keep_their_sides(tmp_path: Path, place: str) -> None:
    touch(tmp_path / place, sets.DIV2K_TRAIN.names + sets.DIV2K_VALID.names)
    touch(tmp_path / "Flickr2K_HR", sets.FLICKR2K.names[:5])
    images = sets.folder(tmp_path)
    assert [file.name for file in images.valid] == list(sets.DIV2K_VALID.names)
    assert len(images.train) == 805
    assert images.rule == "as DIV2K is divided, with 5 other images to train with"


@pytest.mark.parametrize(("ending", "lacking"), [(".jpg", ()), (".png", ("0007.png", "0811.png"))])
def test_div2k_need_not_be_complete_nor_png(tmp_path: Path, ending: str, lacking: tuple[str, ...]) -> None:
    names = [name for name in sets.DIV2K_TRAIN.names + sets.DIV2K_VALID.names if name not in lacking]
    touch(tmp_path, tuple(name.replace(".png", ending) for name in names))
    touch(tmp_path / "again", ("0801.png",))
    images = sets.folder(tmp_path)
    assert {file.stem for file in images.valid} == {name[:4] for name in names if name > "0800.png"}
    assert not {file.stem for file in images.valid} & {file.stem for file in images.train}
    assert images.rule == "as DIV2K is divided"


def test_div2k_and_flickr2k_in_one_folder_keep_their_sides(tmp_path: Path) -> None:
    flickr2k = sets.FLICKR2K.names[1:]
    touch(tmp_path, sets.DIV2K_TRAIN.names + sets.DIV2K_VALID.names + flickr2k)
    images = sets.folder(tmp_path)
    assert {file.name for file in images.valid} == {*sets.DIV2K_VALID.names, *flickr2k[-662:]}
    assert images.rule == "as DIV2K is divided, as PowerQE divides Flickr2K"


def test_other_numbers_are_not_those_of_div2k(tmp_path: Path) -> None:
    touch(tmp_path, tuple(f"{number:04}.png" for number in range(1, 1101)))
    assert len(sets.folder(tmp_path).valid) == 110


def test_images_of_flickr2k_are_divided_as_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path / "Flickr2K_HR", sets.FLICKR2K.names)
    touch(tmp_path / "Flickr2K_LR_bicubic" / "X2", ("000001x2.png",))
    assert sets.folder(tmp_path)[:2] == sets.flickr2k(tmp_path)[:2]


def test_half_a_division_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "DIV2K_train_HR", ("0001.png", "0002.png"))
    touch(tmp_path / "DIV2K_valid_LR_bicubic", ("0801.png",))
    with pytest.raises(ImageError, match=r"to train with in .*DIV2K_train_HR, and none to validate with in a folder"):
        sets.folder(tmp_path)
    touch(tmp_path / "DIV2K_train_HR" / "valid", ("0801.png",))
    with pytest.raises(ImageError, match=r"0801\.png is in folders of several sides \(DIV2K_train_HR, valid\)"):
        sets.folder(tmp_path)


def test_a_side_that_links_to_the_other_is_none(tmp_path: Path) -> None:
    fill(tmp_path / "train", 3)
    (tmp_path / "valid").symlink_to("train")
    with pytest.raises(ImageError, match="none to validate with"):
        sets.folder(tmp_path)


def test_words_of_sides_in_other_places_are_not_meant(tmp_path: Path) -> None:
    for name in ("2019/By train to Zermatt", "2019/Sea", "2021/Test of a lens", "2021/Snow"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        fill(tmp_path / name, 5)
    images = sets.folder(tmp_path)
    assert (len(images.train), len(images.valid)) == (18, 2)


def test_names_that_may_mean_sides_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "oldtrain", 3)
    fill(tmp_path / "newval", 3)
    with pytest.raises(ImageError, match=r"oldtrain and .*newval may be images to train with and images to validate"):
        sets.folder(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("By train to Zermatt", "Valley"),
        ("By train to Zermatt", "Trainspotting"),
        ("Trainspotting", "interval"),
        ("portrait", "interval"),
        ("invalid", "Valley"),
    ],
)
def test_other_folders_may_have_such_words_in_their_names(tmp_path: Path, one: str, other: str) -> None:
    fill(tmp_path / one, 15)
    fill(tmp_path / other, 5)
    images = sets.folder(tmp_path)
    assert (len(images.train), len(images.valid)) == (18, 2)
    assert images.rule == f"of every 10 images in {tmp_path} the last by name is for validation"


def test_what_enhance_left_beside_is_no_original(tmp_path: Path) -> None:
    touch(tmp_path, ("a.png", "a-restored.png", "a-compare.png", "b.png", "b-restored.webp"))
    images = sets.folder(tmp_path)
    assert [file.name for file in images.train + images.valid] == ["a.png", "b.png"]
    assert images.left_out == ["3 results of enhance beside their inputs"]
    assert [file.name for file in sets.images(tmp_path).valid] == ["a.png", "b.png"]


def touch(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Has archives laid out as the published ones, of Flickr2K the start, with names of images as their contents."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sets, "FLICKR2K", replace(sets.FLICKR2K, names=sets.FLICKR2K.names[:30]))
    with faulty_server() as server:
        for name in ("DIV2K_TRAIN", "DIV2K_VALID", "FLICKR2K"):
            images: sets.NumberedImages = getattr(sets, name)
            pack = zip_file if images.archive.name.endswith(".zip") else tar_file
            content = pack({f"{images.archive.inside}/{file}": file.encode() for file in images.names})
            path = f"/{images.archive.name}"
            server.files[path] = content
            algorithm = images.archive.checksum.partition(":")[0]
            archive = replace(
                images.archive,
                address=server.address(path),
                checksum=f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}",
                size=images.archive.size and len(content),
            )
            monkeypatch.setattr(sets, name, replace(images, archive=archive))
        yield server


def zip_file(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tar_file(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_div2k_is_fetched_once_and_whole(tmp_path: Path, server: FaultyServer) -> None:
    server.cuts = [20_000]
    root = tmp_path / "cache" / "div2k"
    images = sets.div2k(root, download=True)
    assert [file.read_text() for file in images.train] == [f"{number:04}.png" for number in range(1, 801)]
    assert [file.read_text() for file in images.valid] == [f"{number:04}.png" for number in range(801, 901)]
    assert server.served == sum(len(server.files[f"/DIV2K_{side}_HR.zip"]) for side in ("train", "valid"))
    assert images == sets.div2k(root) == sets.div2k(root, download=True)
    assert len(server.asked) == 3
    assert {entry.name for entry in root.iterdir() if entry.suffix != ".lock"} == {"DIV2K_train_HR", "DIV2K_valid_HR"}


def test_flickr2k_is_fetched_once_and_whole(tmp_path: Path, server: FaultyServer) -> None:
    images = sets.flickr2k(tmp_path, download=True, valid=10)
    assert [file.read_text() for file in images.train] == [f"{number:06}.png" for number in range(1, 21)]
    assert [file.read_text() for file in images.valid] == [f"{number:06}.png" for number in range(21, 31)]
    assert images == sets.flickr2k(tmp_path, download=True, valid=10)
    assert len(server.asked) == 1


def test_only_the_missing_part_is_fetched(tmp_path: Path, server: FaultyServer) -> None:
    touch(tmp_path / "DIV2K" / "DIV2K_train_HR", sets.DIV2K_TRAIN.names)
    images = sets.div2k(tmp_path, download=True)
    assert images.train[0] == tmp_path / "DIV2K" / "DIV2K_train_HR" / "0001.png"
    assert images.valid[0] == tmp_path / "DIV2K_valid_HR" / "0801.png"
    assert server.served == len(server.files["/DIV2K_valid_HR.zip"])


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        ("DIV2K_train_HR", "DIV2K_valid_HR"),
        ("DIV2K/DIV2K_train_HR", "DIV2K/DIV2K_valid_HR"),
        ("DIV2K_train_HR/DIV2K_train_HR", "DIV2K_valid_HR/DIV2K_valid_HR"),
        ("DIV2K/DIV2K_train_HR/DIV2K_train_HR", "DIV2K_valid_HR"),
        ("train", "valid"),
        ("DIV2K", "DIV2K"),
        ("", ""),
    ],
)
def test_div2k_is_found_in_usual_layouts(tmp_path: Path, train: str, valid: str) -> None:
    touch(tmp_path / train, sets.DIV2K_TRAIN.names)
    touch(tmp_path / valid, sets.DIV2K_VALID.names)
    touch(tmp_path / "DIV2K_train_LR_bicubic" / "X2", ("0001x2.png",))
    images = sets.div2k(str(tmp_path))
    assert images.train == [tmp_path / train / name for name in sets.DIV2K_TRAIN.names]
    assert images.valid == [tmp_path / valid / name for name in sets.DIV2K_VALID.names]


@pytest.mark.parametrize("place", ["Flickr2K_HR", "Flickr2K/Flickr2K_HR", "Flickr2K", "HR", ""])
def test_flickr2k_is_found_in_usual_layouts(tmp_path: Path, place: str) -> None:
    touch(tmp_path / place, sets.FLICKR2K.names)
    images = sets.flickr2k(tmp_path)
    assert images.train + images.valid == [tmp_path / place / f"{number:06}.png" for number in range(1, 2651)]
    assert images.valid[0].name == "001989.png"


@pytest.mark.parametrize("valid", [0, -1, 2650])
def test_flickr2k_is_on_both_sides(tmp_path: Path, valid: int) -> None:
    with pytest.raises(ValueError, match=rf"data\.valid must be from 1 to 2649, of 2650 images; got {valid}"):
        sets.flickr2k(tmp_path, valid=valid)


def test_a_missing_set_says_how_to_fetch_it(tmp_path: Path, server: FaultyServer) -> None:
    root = tmp_path / "my images"
    with pytest.raises(FileNotFoundError) as raised:
        sets.div2k(root)
    text = str(raised.value)
    assert f"DIV2K_train_HR, 0001.png to 0800.png, is not in {root}, nor below in DIV2K/DIV2K_train_HR/" in text
    assert f"\nbiasgan prepare data=div2k 'data.root={root}'\n" in text
    assert text.endswith("or set data.root to where it is.")
    with pytest.raises(FileNotFoundError, match=r"Flickr2K_HR, 000001\.png to 000030\.png, is not in .*, HR\. Fetch"):
        sets.flickr2k(tmp_path, valid=10)
    assert not server.asked
    assert not root.exists()


@pytest.mark.parametrize("download", [False, True])
def test_incomplete_sets_are_named(tmp_path: Path, server: FaultyServer, download: bool) -> None:
    folder = tmp_path / "DIV2K_train_HR"
    touch(folder, sets.DIV2K_TRAIN.names[:-7])
    with pytest.raises(ImageError) as raised:
        sets.div2k(tmp_path, download)
    assert str(raised.value) == (
        f"{folder} has only 793 of the 800 images of DIV2K_train_HR; 0794.png, 0795.png, 0796.png, 0797.png, 0798.png "
        f"and 2 more not found. Add them, or fetch all anew: take {folder} away if it is there, and run\n"
        f"biasgan prepare data=div2k data.root={tmp_path}"
    )
    assert not server.asked
    assert len(list(folder.iterdir())) == 793


def test_a_set_that_cannot_be_fetched(tmp_path: Path, server: FaultyServer) -> None:
    server.files["/DIV2K_train_HR.zip"] = bytes(len(server.files["/DIV2K_train_HR.zip"]))
    with pytest.raises(DownloadError, match=r"DIV2K_train_HR\.zip gave other bytes than expected: sha256:"):
        sets.div2k(tmp_path, download=True)
    with pytest.raises(FileNotFoundError):
        sets.div2k(tmp_path)


@pytest.mark.parametrize("choice", ["div2k", "flickr2k"])
def test_a_training_never_downloads(tmp_path: Path, server: FaultyServer, command: Command, choice: str) -> None:
    options = ["data.valid=10"] if choice == "flickr2k" else []
    done = command(f"data={choice}", "trainer=cpu", "features.weights=random", *options)
    assert done.status == 1
    root = tmp_path / "cache" / choice
    assert f"Fetch it with\nbiasgan prepare data={choice} data.root={root}\n" in done.err
    assert done.err.count("error:") == 1
    assert not server.asked


def test_all_images_of_a_folder_are_for_validation(tmp_path: Path) -> None:
    fill(tmp_path / "set", 3)
    fill(tmp_path / "set" / "train", 2)
    files = ["00.png", "01.png", "02.png", "train/00.png", "train/01.png"]
    assert sets.images(tmp_path / "set")[:2] == ([], [tmp_path / "set" / name for name in files])
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        sets.images("nowhere")


def test_places_are_the_names_that_enhance_gives(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.bpg", "a-bpg-restored.png", "b.png", "c.jpg", "deep/c.BPG", "same.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.png").symlink_to("same.png")
    images = sets.images(tmp_path)
    jobs = plan([str(tmp_path)], tmp_path / "out").jobs
    made = {job.source: job.target.relative_to(tmp_path / "out").with_suffix("").as_posix() for job in jobs}
    assert {file: images.places[file] for file in images.valid} == {k: v for k, v in made.items() if k in images.valid}
    assert [images.places[file] for file in images.valid] == ["a-jpg", "b", "c", "link", "same"]
    assert images.left_out == ["2 other files (.bpg)", "1 result of enhance beside their inputs"]
