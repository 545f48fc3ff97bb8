import errno
import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from biasgan.codecs.codec import Codec, CodecError, Coded
from biasgan.codecs.jpeg import JPEG
from biasgan.data import store as store_module
from biasgan.data.store import PairStore, StoredEntry, map_pixels
from biasgan.images import ImageError, read_image
from tests.data.conftest import MakeImages

FILLER = """
import sys
from pathlib import Path
from biasgan.codecs.jpeg import JPEG
from biasgan.data.store import PairStore
print("ready", flush=True)
sys.stdin.readline()
store = PairStore(Path(sys.argv[1]), JPEG(), 20)
for source in sys.argv[2:]:
    store.add(Path(source))
    print(source, flush=True)
"""


class CountingJPEG(JPEG):
    """Knows how often it was asked."""

    encoded = 0

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        self.encoded += 1
        return super().encode(image, quality)


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pixels(entry: StoredEntry) -> tuple[np.ndarray, np.ndarray]:
    return tuple(map_pixels(path, entry.height, entry.width) for path in (entry.compressed, entry.original))  # pyright: ignore[reportReturnType]


def test_a_pair_is_the_whole_image_before_and_after_coding(tmp_path: Path, make_images: MakeImages) -> None:
    (source,) = make_images(1)
    entry = PairStore(tmp_path / "store", JPEG(), 20).add(source)
    image = read_image(source)
    coded = JPEG().encode(image, 20)
    compressed, original = pixels(entry)
    assert np.array_equal(original, image)
    assert np.array_equal(compressed, coded.image)
    assert not compressed.flags.writeable
    assert (entry.name, entry.height, entry.width, entry.bits) == ("00", 70, 90, coded.bits)
    assert entry.bits_per_pixel == coded.bits / 6300
    assert entry.compressed.with_suffix(".jpg").read_bytes() == coded.data
    record = json.loads(entry.compressed.with_suffix(".json").read_bytes())
    assert record["codec"] == JPEG().identity
    assert (record["source"], record["quality"]) == ("00.png", 20)


def test_nothing_is_made_twice(tmp_path: Path, make_images: MakeImages) -> None:
    (source,) = make_images(1)
    codec = CountingJPEG()
    store = PairStore(tmp_path / "store", codec, 20)
    assert store.find(source) is None
    entry = store.add(source)
    before = files(store.root)
    assert store.add(source) == store.find(source) == entry
    assert PairStore(tmp_path / "store", codec, 20).add(source) == entry
    os.utime(source)
    assert store.find(source) is None
    assert store.add(source) == entry
    moved = source.rename(source.with_name("moved.png"))
    assert store.add(moved).compressed == entry.compressed
    assert store.add(moved).name == "moved"
    assert codec.encoded == 1
    assert set(before) <= set(files(store.root))


def test_a_changed_source_is_another_image(tmp_path: Path, make_images: MakeImages) -> None:
    first, second = make_images(2)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    entry = store.add(first)
    first.write_bytes(second.read_bytes())
    assert store.find(first) is None
    assert store.add(first).original != entry.original


def test_qualities_and_codecs_share_originals_alone(tmp_path: Path, make_images: MakeImages) -> None:
    (source,) = make_images(1)
    codecs: list[tuple[Codec, int]] = [(JPEG(), 20), (JPEG(), 30), (JPEG("4:4:4"), 20)]
    entries = [PairStore(tmp_path / "store", codec, quality).add(source) for codec, quality in codecs]
    assert len({entry.original for entry in entries}) == 1
    assert len({entry.compressed for entry in entries}) == 3
    assert all(PairStore(tmp_path / "store", *codec).verify(source) for codec in codecs)


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        *product(["original", "compressed"], ["removed", "truncated", "header", "grown"]),
        *product(["bitstream"], ["removed", "truncated", "grown"]),
    ],
)
def test_visible_damage_is_made_good(tmp_path: Path, make_images: MakeImages, kind: str, damage: str) -> None:
    (source,) = make_images(1)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    entry = store.add(source)
    whole = files(store.root)
    file = {
        "original": entry.original,
        "compressed": entry.compressed,
        "bitstream": entry.compressed.with_suffix(".jpg"),
    }[kind]
    data = file.read_bytes()
    if damage == "removed":
        file.unlink()
    elif damage == "header":
        file.write_bytes(data.replace(b"|u1", b"|i1"))
    else:
        file.write_bytes(data[:-1] if damage == "truncated" else data + b"0")
    assert store.find(source) is None
    assert store.add(source) == entry
    assert files(store.root) == whole


@pytest.mark.parametrize(
    "edit",
    [
        ('"bits": ', '"bits": 1'),
        ('"width": 90', '"width": 70'),
        ('"width": 90', '"width": "90"'),
        ('"quality": 20', '"quality": 21'),
        ('"original_sha256": "', '"original_sha256": "a'),
        ('"original_sha256": "', '"original_sha256": 5, "extra": "'),
        ('"source_sha256": "', '"source_sha256": "a'),
        ('"4:2:0"', '"4:4:4"'),
        ("{", "["),
        ("}", ""),
        ('"height"', '"depth"'),
    ],
)
def test_edited_records_are_made_good(tmp_path: Path, make_images: MakeImages, edit: tuple[str, str]) -> None:
    (source,) = make_images(1)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    entry = store.add(source)
    whole = files(store.root)
    record = entry.compressed.with_suffix(".json")
    text = record.read_text().replace(*edit)
    assert text != record.read_text()
    record.write_text(text)
    assert store.find(source) is None
    assert store.add(source) == entry
    assert files(store.root) == whole


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", "nonsense", "[]", "3"])
def test_damaged_notes_are_made_good(tmp_path: Path, make_images: MakeImages, text: str) -> None:
    (source,) = make_images(1)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    entry = store.add(source)
    (note,) = (store.root / "sources").iterdir()
    note.write_text(text)
    assert store.add(source) == entry


@pytest.mark.parametrize("kind", ["original", "compressed", "bitstream", "hash"])
def test_verify_finds_a_flipped_bit_and_makes_it_good(tmp_path: Path, make_images: MakeImages, kind: str) -> None:
    sources = make_images(2)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    assert not store.verify(sources[0])
    entry, _ = [store.add(source) for source in sources]
    assert all(store.verify(source) for source in sources)
    whole = files(store.root)
    if kind == "hash":
        file = entry.compressed.with_suffix(".json")
        file.write_text(file.read_text().replace('"compressed_sha256": "', '"compressed_sha256": "a'))
    else:
        file = {"original": entry.original, "compressed": entry.compressed}.get(
            kind, entry.compressed.with_suffix(".jpg")
        )
        data = bytearray(file.read_bytes())
        data[-300] ^= 1
        file.write_bytes(data)
    assert store.find(sources[0]) == entry
    assert [store.verify(source) for source in sources] == [False, True]
    assert files(store.root) == whole


def test_bad_sources_and_qualities_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"jpeg quality .* got 0\. Set qf=20"):
        PairStore(tmp_path, JPEG(), 0)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    with pytest.raises(ImageError, match=r"missing\.png cannot be read: No such file"):
        store.add(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        store.add(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.png is not an image"):
        store.add(tmp_path / "text.png")
    assert not (tmp_path / "store" / "originals").exists()


def test_a_codec_that_changes_the_size_is_refused(tmp_path: Path, make_images: MakeImages) -> None:
    class Cropping(JPEG):
        def encode(self, image: np.ndarray, quality: int) -> Coded:
            return super().encode(image[:-1], quality)

    (source,) = make_images(1)
    with pytest.raises(CodecError, match=r"jpeg turned .*00\.png of \(70, 90, 3\) into \(69, 90, 3\)"):
        PairStore(tmp_path / "store", Cropping(), 20).add(source)


@pytest.mark.parametrize("after", range(5))
def test_a_full_disk_is_told_plainly(
    tmp_path: Path, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    (source,) = make_images(1)
    store = PairStore(tmp_path / "store", JPEG(), 20)
    synced: list[int] = []

    def sync(descriptor: int) -> None:
        if len(synced) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced.append(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(
        OSError, match=r"The disk is full: .* MiB more did not fit into the pair store .*Make room, or set"
    ):
        store.add(source)
    assert not [name for name in files(store.root) if "partial" in name]
    monkeypatch.undo()
    assert store.find(source) is None
    store.add(source)
    assert store.verify(source)


def start_filler(root: Path, sources: list[Path]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", FILLER, str(root), *map(str, sources)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout


def test_any_moment_is_safe_to_be_killed_at(tmp_path: Path, make_images: MakeImages) -> None:
    sources = make_images(12, 600, 800)
    root = tmp_path / "store"
    store = PairStore(root, JPEG(), 20)
    processes = [start_filler(root, sources) for _ in range(4)]
    rng = np.random.default_rng(int(time.time()))
    done = 0
    for process in processes:
        stdin, stdout = pipes(process)
        assert stdout.readline() == "ready\n"
        stdin.write("go\n")
        stdin.flush()
        time.sleep(rng.uniform(0.02, 0.3))
        process.kill()
        process.communicate()
        made = [source for source in sources if store.find(source)]
        assert len(made) >= done
        assert all(store.verify(source) for source in made)
        done = len(made)
    entries = [store.add(source) for source in sources]
    assert all(store.verify(source) for source in sources)
    assert all(np.array_equal(pixels(e)[1], read_image(s)) for e, s in zip(entries, sources, strict=True))


def test_two_processes_fill_one_store(tmp_path: Path, make_images: MakeImages) -> None:
    sources = make_images(8, 300, 400)
    processes = [start_filler(tmp_path / "shared", sources) for _ in range(2)]
    for process in processes:
        assert pipes(process)[1].readline() == "ready\n"
    for process in processes:
        pipes(process)[0].write("go\n")
        pipes(process)[0].flush()
    for process in processes:
        assert process.communicate()[0].split() == [str(source) for source in sources]
        assert process.returncode == 0
    alone = PairStore(tmp_path / "alone", JPEG(), 20)
    shared = PairStore(tmp_path / "shared", JPEG(), 20)
    for source in sources:
        alone.add(source)
        assert shared.verify(source)
    assert files(shared.root) == files(alone.root)


def test_other_errors_of_the_disk_keep_their_text(
    tmp_path: Path, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (source,) = make_images(1)
    monkeypatch.setattr(store_module, "atomic_write", fail)
    with pytest.raises(PermissionError, match="Permission denied"):
        PairStore(tmp_path / "store", JPEG(), 20).add(source)


def test_maps_hold_no_files_open(tmp_path: Path, make_images: MakeImages) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("needs Linux")
    entries = [PairStore(tmp_path / "store", JPEG(), 20).add(source) for source in make_images(3)]
    before = len(list(folder.iterdir()))
    maps = [pixels(entry) for entry in entries]
    assert len(list(folder.iterdir())) == before
    assert len(maps) == 3
