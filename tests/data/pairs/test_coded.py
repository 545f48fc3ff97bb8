import json
import os
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from PIL import Image

from biasgan.codecs.bpg import BPG
from biasgan.codecs.codec import Codec, CodecError, Coded
from biasgan.codecs.jpeg import JPEG
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.given import GivenPairs
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.sets import ImageSet
from biasgan.io.checksums import sha256
from biasgan.io.images import ImageError, read_image

from ...conftest import needs_bpg
from ..conftest import MakeImages


class Rough(Codec):
    """Drops low bits, and like BPG has no checksum: any bitstream of the right length decodes."""

    name: ClassVar[str] = "rough"
    extension: ClassVar[str] = "rough"
    quality_option: ClassVar[str] = "qr"
    lowest_quality: ClassVar[int] = 0
    highest_quality: ClassVar[int] = 7
    larger_is_better: ClassVar[bool] = False
    usual_quality: ClassVar[int] = 3

    def __init__(self) -> None:
        self.encoded = 0

    @property
    def identity(self) -> dict[str, str | int]:
        return {"codec": self.name}

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        self.encoded += 1
        coarse = image >> quality << quality
        return Coded(coarse, bytes(np.array(image.shape[:2], np.uint16)) + coarse.tobytes())

    def decode(self, data: bytes) -> np.ndarray:
        height, width = np.frombuffer(data[:4], np.uint16)
        if len(data) != 4 + 3 * int(height) * int(width):
            raise CodecError("rough cannot decode it.")
        return np.frombuffer(data[4:], np.uint8).reshape(height, width, 3)


def coded(
    images: ImageSet,
    store: Path,
    quality: int | str = 20,
    codec: Codec | None = None,
    workers: int = 2,
    bad_images: Literal["stop", "skip"] = "stop",
) -> CodedPairs:
    return CodedPairs(images, codec or JPEG(), quality, store, workers, bad_images)


def entries_of(pairs: CodedPairs, least_side: int = 1, tell: bool = False) -> list[StoredEntry]:
    train, valid = pairs.open(least_side, tell)
    return [*train, *valid]


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def flip(path: Path, place: int = -100) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_pairs_are_whole_images_before_and_after_coding(tmp_path: Path, images: ImageSet) -> None:
    train, valid = coded(images, tmp_path / "store").open(32, tell=True)
    assert (len(train), len(valid)) == (5, 2)
    for entry, source in zip([*train, *valid], [*images.train, *images.valid], strict=True):
        original = read_image(source)
        image, data = JPEG().encode(original, 20)
        assert all(map(np.array_equal, entry.pixels(), (image, original)))
        assert entry.bitstream
        assert entry.bitstream.read_bytes() == data
        assert (entry.name, entry.quality, entry.bits) == (source.stem, 20, 8 * len(data))
        record = json.loads(entry.record.read_bytes())
        assert record["codec"] == JPEG().identity
        assert (record["source"], record["source_sha256"]) == (source.name, sha256(source.read_bytes()))


def test_nothing_is_made_twice(tmp_path: Path, images: ImageSet, capsys: pytest.CaptureFixture[str]) -> None:
    codec = Rough()
    entries = entries_of(coded(images, tmp_path / "store", 3, codec), tell=True)
    told = capsys.readouterr()
    assert "rough 3" in told.err
    assert "7/7" in told.err
    before = files(tmp_path / "store")
    for tell in (True, False):
        assert entries_of(coded(images, tmp_path / "store", 3, codec), tell=tell) == entries
        assert capsys.readouterr() == ("", "")
    os.utime(images.train[0])
    moved = images.train[1].rename(images.train[1].with_name("moved.png"))
    images.train[1] = moved
    again = entries_of(coded(images, tmp_path / "store", 3, codec))
    assert [entry.compressed for entry in again] == [entry.compressed for entry in entries]
    assert again[1].name == "moved"
    assert codec.encoded == 7
    assert set(before) <= set(files(tmp_path / "store"))
    assert told.out == ""


def test_a_store_has_the_files_that_former_versions_wrote(tmp_path: Path) -> None:
    for folder, step in (("original", 7), ("compressed", 8)):
        (tmp_path / folder).mkdir()
        for number in range(2):
            pixels = bytes((step * place + number) % 256 for place in range(60))
            (tmp_path / folder / f"{number}.ppm").write_bytes(b"P6 5 4 255\n" + pixels)
    first, second = sorted((tmp_path / "original").iterdir())
    entries_of(coded(ImageSet([first], [second]), tmp_path / "store", 3, Rough()))
    GivenPairs(tmp_path / "original", tmp_path / "compressed", tmp_path / "store").open(1, tell=False)
    kept = {
        name: sha256(data)
        for name, data in files(tmp_path / "store").items()
        if name[0] != "." and "sources" not in name
    }
    assert len(kept) == 12
    assert sha256(json.dumps(kept, sort_keys=True).encode()) == (
        "ed90cef3907b7327b9a369da4404d37da1e893ac034977b38b1b48cef9261cdf"
    )


def test_a_changed_source_is_another_image(tmp_path: Path, images: ImageSet, make_images: MakeImages) -> None:
    first = entries_of(coded(images, tmp_path / "store"))[0]
    (other,) = make_images(1, folder="other")
    images.train[0].write_bytes(other.read_bytes())
    second = entries_of(coded(images, tmp_path / "store"))[0]
    assert first.original != second.original
    assert np.array_equal(second.pixels()[1], read_image(other))


def test_qualities_and_codecs_share_originals_alone(tmp_path: Path, images: ImageSet) -> None:
    sets = [coded(images, tmp_path / "store"), coded(images, tmp_path / "store", 30)]
    sets.append(coded(images, tmp_path / "store", codec=JPEG("4:4:4")))
    entries = [entries_of(pairs)[0] for pairs in sets]
    assert len({entry.original for entry in entries}) == 1
    assert len({entry.compressed for entry in entries}) == 3
    assert [pairs.check() for pairs in sets] == [[], [], []]


def test_a_quality_of_its_own_for_each_image(tmp_path: Path, images: ImageSet) -> None:
    blind = coded(images, tmp_path / "store", "10-50")
    entries = entries_of(blind)
    qualities = [entry.quality for entry in entries]
    assert len(set(qualities)) > 3
    assert all(quality in range(10, 51) for quality in qualities)
    assert entries == entries_of(blind)
    assert blind.check() == []
    assert blind.title == "jpeg 10-50"
    for quality in set(qualities):
        assert quality
        plain = entries_of(coded(images, tmp_path / "store", quality))
        assert [e for e in plain if e in entries] == [e for e in entries if e.quality == quality]
    assert blind.folder == coded(images, tmp_path / "store").folder.parent
    assert coded(images, tmp_path / "store", "20-20").folder == coded(images, tmp_path / "store").folder


@pytest.mark.parametrize("kind", ["original", "compressed", "bitstream", "record"])
def test_damage_is_named_and_made_good(
    tmp_path: Path, images: ImageSet, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    pairs = coded(images, tmp_path / "store", 3, Rough())
    entries = entries_of(pairs)
    whole = files(tmp_path / "store")
    damaged = [getattr(entries[number], kind) for number in (1, 5)]
    for path in damaged:
        flip(path)
    problems = pairs.check()
    assert [any(str(path) in problem for problem in problems) for path in damaged] == [True, True]
    assert problems[0].startswith(f"{images.train[1]}: ")
    assert len(problems) == 2
    assert {name for name, data in files(tmp_path / "store").items() if data != whole[name]} == {
        path.relative_to(tmp_path / "store").as_posix() for path in damaged
    }
    capsys.readouterr()
    assert entries_of(pairs, tell=True) == entries
    told = capsys.readouterr().err
    assert "2 of the pairs are damaged and made again:" in told
    assert all(str(path) in told for path in damaged)
    assert files(tmp_path / "store") == whole
    assert pairs.check() == []


@needs_bpg
def test_damage_that_bpg_does_not_notice_is_found(tmp_path: Path, images: ImageSet) -> None:
    codec = BPG(backend="pyav")
    pairs = coded(ImageSet(images.train[:1], images.valid[:1]), tmp_path / "store", 37, codec)
    entry = entries_of(pairs)[0]
    assert entry.bitstream
    flip(entry.bitstream)
    # It decodes, but to other pixels.
    assert not np.array_equal(codec.decode(entry.bitstream.read_bytes()), entry.pixels()[0])
    (problem,) = pairs.check()
    assert f"{entry.bitstream} is not as it was written: its hash differs." in problem
    assert entries_of(pairs, tell=True)[0] == entry
    assert pairs.check() == []
    assert np.array_equal(codec.decode(entry.bitstream.read_bytes()), entry.pixels()[0])


def test_images_that_a_codec_refuses_are_named(tmp_path: Path, images: ImageSet) -> None:
    class Small(Rough):
        most_pixels: ClassVar[int] = 90 * 73

        def encode(self, image: np.ndarray, quality: int) -> Coded:
            self.check_image(image)
            return super().encode(image, quality)

    with pytest.raises(ImageError, match=r"3 of the images .*\n.*04\.png: rough takes images of at most 6570 pixels"):
        entries_of(coded(images, tmp_path / "store", 3, Small()))


def test_an_unnoted_source_does_not_hide_damage(tmp_path: Path, images: ImageSet) -> None:
    pairs = coded(images, tmp_path / "store")
    entries = entries_of(pairs)
    whole = entries[0].pixels()[0].copy()
    flip(entries[0].compressed)
    os.utime(images.train[0])
    assert np.array_equal(entries_of(pairs, tell=True)[0].pixels()[0], whole)


def test_damage_that_cannot_be_made_good_is_named(tmp_path: Path, images: ImageSet) -> None:
    pairs = coded(images, tmp_path / "store", bad_images="skip")
    flip(entries_of(pairs)[0].compressed)
    images.train[0].unlink()
    train, _ = pairs.open(1, tell=True)
    assert [entry.name for entry in train] == ["01", "02", "03", "04"]
    with pytest.raises(ImageError, match=r"00\.png cannot be read: No such file"):
        coded(images, tmp_path / "store").open(1, tell=True)


def test_a_check_decodes_what_hashes_cannot_tell(tmp_path: Path, images: ImageSet) -> None:
    codec = Rough()
    pairs = coded(images, tmp_path / "store", 3, codec)
    store = pairs.stores[3]
    entries = entries_of(pairs)
    other = codec.encode(read_image(images.train[1]), 3).data
    digests = [sha256(source.read_bytes()) for source in images.train]
    compressed, original = entries[0].pixels()
    store.put(digests[0], "00.png", digests[0], original, compressed, other)
    compressed, original = entries[2].pixels()
    store.put(digests[2], "02.png", digests[2], original, compressed, other[:-1])
    problems = pairs.check()
    assert len(problems) == 2
    assert re.search(r"00\.png: .*\.rough decodes to other pixels than those of .*\.npy\.", problems[0])
    assert re.search(r"02\.png: .*\.rough: rough cannot decode it\.", problems[1])


def test_a_check_of_what_was_not_made_changes_nothing(tmp_path: Path, images: ImageSet) -> None:
    images.train[1].write_text("no picture")
    images.valid[1].unlink()
    pairs = coded(images, tmp_path / "store")
    problems = pairs.check()
    assert len(problems) == 7
    assert problems[0] == f"{images.train[0]} has no pair yet."
    assert problems[-1].startswith(f"{images.valid[1]} cannot be read: No such file")
    assert not (tmp_path / "store").exists()


def test_a_check_names_shared_pictures(tmp_path: Path, images: ImageSet) -> None:
    leaked = tmp_path / "leaked.bmp"
    Image.open(images.train[2]).save(leaked)
    entries_of(coded(ImageSet(images.train, images.valid), tmp_path / "store"))
    entries_of(coded(ImageSet([images.train[0]], [leaked]), tmp_path / "store"))
    problems = coded(ImageSet(images.train, [leaked]), tmp_path / "store").check()
    assert problems == [f"The same picture is in training and in validation: {images.train[2]} = {leaked}."]


def test_all_bad_images_are_named_at_once(tmp_path: Path, images: ImageSet) -> None:
    images.train[1].write_text("no picture")
    images.train[2].write_bytes(images.train[2].read_bytes()[:300])
    images.valid[1].unlink()
    Image.fromarray(np.zeros((31, 90, 3), np.uint8)).save(images.train[3])
    message = re.compile(
        r"4 of the images cannot be used; pairs\.bad_images=skip goes on without them\.\n"
        r".*01\.png is not an image.*\n.*02\.png cannot be read: .*truncated.*\n"
        r".*03\.png has 90 x 31 pixels, less than patch_size=32\.\n.*06\.png cannot be read: No such file"
    )
    for tell in (True, False):
        with pytest.raises(ImageError) as caught:
            coded(images, tmp_path / "store").open(32, tell)
        assert message.search(str(caught.value))


def test_bad_images_are_skipped_on_request(
    tmp_path: Path, images: ImageSet, capsys: pytest.CaptureFixture[str]
) -> None:
    images.train[1].write_text("no picture")
    Image.fromarray(np.zeros((31, 90, 3), np.uint8)).save(images.train[3])
    images.valid[1].unlink()
    pairs = coded(images, tmp_path / "store", bad_images="skip")
    pairs.open(32, tell=True)
    told = capsys.readouterr().err
    assert "3 of the images are skipped:" in told
    assert all(name in told for name in ("01.png", "03.png", "06.png"))
    train, valid = pairs.open(32, tell=False)
    assert capsys.readouterr().err == ""
    assert (len(train), len(valid)) == (3, 1)


def test_too_few_images_left_are_an_error(tmp_path: Path, images: ImageSet) -> None:
    with pytest.raises(ImageError, match=r"No images to train with\."):
        coded(ImageSet([], images.train), tmp_path / "store").open(32, tell=True)
    for file in images.valid:
        file.write_text("no picture")
    with pytest.raises(ImageError, match=r"No images to validate with are left after 2 bad ones:\n.*05\.png"):
        coded(images, tmp_path / "store", bad_images="skip").open(32, tell=True)


def test_what_metrics_need_is_known_before_any_is_measured(
    tmp_path: Path, make_images: MakeImages, images: ImageSet, capsys: pytest.CaptureFixture[str]
) -> None:
    small = make_images(1, 10, 12, folder="small")
    sets, measured = ImageSet(images.train, [*images.valid, *small]), {"psnr": 1, "ssim": 11, "psnr_b": 16}
    message = r"00\.png has 12 x 10 pixels, less than the 11 that ssim needs and the 16 that psnr_b needs\."
    with pytest.raises(ImageError, match=message):
        coded(sets, tmp_path / "store").open(32, True, measured)
    train, valid = coded(sets, tmp_path / "store", bad_images="skip").open(32, True, measured)
    assert (len(train), len(valid)) == (5, 2)
    assert re.search(message, capsys.readouterr().err)
    # An evaluation leaves those cells empty.
    assert len(coded(sets, tmp_path / "store").open_valid(tell=False)) == 3


def test_small_images_serve_for_validation(tmp_path: Path, make_images: MakeImages, images: ImageSet) -> None:
    small = make_images(1, 10, 12, folder="small")
    _, valid = coded(ImageSet(images.train, small), tmp_path / "store").open(32, tell=False)
    assert len(valid) == 1


@pytest.mark.parametrize("same", ["file", "copy", "picture"])
def test_a_picture_on_both_sides_is_an_error(tmp_path: Path, images: ImageSet, same: str) -> None:
    leaked = images.train[2]
    if same == "copy":
        leaked = tmp_path / "other.png"
        leaked.write_bytes(images.train[2].read_bytes())
    elif same == "picture":
        leaked = tmp_path / "other.bmp"
        Image.open(images.train[2]).save(leaked)
    pairs = coded(ImageSet(images.train, [leaked, *images.valid]), tmp_path / "store")
    with pytest.raises(
        ImageError, match=f"The same picture is in training and in validation: 02 = {leaked.stem}. Take"
    ):
        pairs.open(32, tell=True)


def test_a_codec_that_changes_the_size_is_refused(tmp_path: Path, images: ImageSet) -> None:
    class Cropping(Rough):
        def encode(self, image: np.ndarray, quality: int) -> Coded:
            return super().encode(image[:-1], quality)

    with pytest.raises(ImageError, match=r"00\.png: rough turned \(70, 90, 3\) into \(69, 90, 3\)"):
        coded(images, tmp_path / "store", 3, Cropping()).open(1, tell=False)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("workers", -1, "workers must be at least 0; got -1"),
        ("quality", 0, r"jpeg quality must be .* got 0\. Set qf=20"),
        ("quality", "50-10", "LOW-HIGH; got 50-10"),
        ("bad_images", "keep", "bad_images must be stop or skip; got keep"),
        ("codec", None, "codec=none is for data=pairs, whose images were compressed already; choose a codec"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, images: ImageSet, option: str, value: object, message: str) -> None:
    options: dict[str, Any] = {"codec": JPEG(), "quality": 20, option: value}
    with pytest.raises(ValueError, match=message):
        CodedPairs(images, store=tmp_path, **options)


def test_an_interrupt_while_compressing_ends_it(
    tmp_path: Path, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Rough):
        def encode(self, image: np.ndarray, quality: int) -> Coded:
            if self.encoded == 3:
                raise KeyboardInterrupt
            return super().encode(image, quality)

    with pytest.raises(KeyboardInterrupt):
        coded(images, tmp_path / "store", 3, Interrupted(), workers=0).open(32, tell=True)
    codec = Rough()
    assert len(entries_of(coded(images, tmp_path / "store", 3, codec))) == 7
    assert codec.encoded == 4


def test_a_validation_alone_makes_no_other_pairs(tmp_path: Path, images: ImageSet) -> None:
    codec = Rough()
    pairs = coded(images, tmp_path / "store", 3, codec)
    made = pairs.open_valid(tell=True)
    assert codec.encoded == 2
    assert list(made) == list(pairs.open(32, tell=True).valid)
    assert codec.encoded == 7
    assert list(coded(ImageSet([], images.valid), tmp_path / "store", 3, codec).open_valid(tell=False)) == list(made)


def test_a_validation_without_images_says_why(tmp_path: Path, images: ImageSet) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    sets = ImageSet([], [bad])
    with pytest.raises(ImageError, match=r"1 of the images cannot be used; pairs\.bad_images=skip .*\n.*bad\.png"):
        coded(sets, tmp_path / "store").open_valid(tell=True)
    with pytest.raises(ImageError, match=r"No images to validate with are left after 1 bad ones:\n.*bad\.png"):
        coded(sets, tmp_path / "store", bad_images="skip").open_valid(tell=False)
    with pytest.raises(ImageError, match=r"No images to train with\."):
        coded(ImageSet([], images.valid), tmp_path / "store").open(1, tell=False)
