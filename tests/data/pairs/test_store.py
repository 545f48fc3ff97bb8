import errno
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biasgan.data.pairs import store as store_module
from biasgan.data.pairs.store import DamageError, PairStore, StoredEntry

KEY = "0123456789abcdef" * 4
SOURCE_SHA256 = "fedcba9876543210" * 4
IDENTITY: dict[str, str | int] = {"codec": "jpeg", "subsampling": "4:2:0"}
BITSTREAM = bytes(range(200))
FIELDS = (
    *("source", "source_sha256", "original_crc32", "compressed_crc32", "bitstream_sha256"),
    *("width", "height", "bits", "codec", "quality", "record_sha256"),
)


def make_store(root: Path, quality: int | None = 20, extension: str | None = "jpg") -> PairStore:
    return PairStore(root, f"jpeg/{quality}", IDENTITY, quality, extension)


def images(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    original, compressed = np.random.default_rng(seed).integers(0, 256, (2, 70, 90, 3), dtype=np.uint8)
    return original, compressed


def put(store: PairStore, key: str = KEY) -> StoredEntry:
    return store.put(key, "a photo.png", SOURCE_SHA256, *images(), BITSTREAM)


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def file_of(entry: StoredEntry, kind: str) -> Path:
    path = getattr(entry, kind)
    assert isinstance(path, Path)
    return path


def test_what_was_put_is_found(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    assert store.find(KEY, "a photo.png") is None
    entry = put(store)
    assert store.find(KEY, "a photo.png") == store.recorded(KEY, "a photo.png") == entry
    original, compressed = images()
    for pixels, expected in zip(entry.pixels(), (compressed, original), strict=True):
        assert np.array_equal(pixels, expected)
        assert not pixels.flags.writeable
    assert np.array_equal(np.load(entry.compressed), compressed)
    assert (entry.name, entry.height, entry.width, entry.bits, entry.quality) == ("a photo", 70, 90, 1600, 20)
    assert entry.bits_per_pixel == 1600 / 6300
    assert entry.bitstream
    assert entry.bitstream.read_bytes() == BITSTREAM
    assert entry.bitstream.suffix == ".jpg"
    record = json.loads(entry.record.read_bytes())
    assert tuple(record) == FIELDS
    assert (record["source"], record["source_sha256"]) == ("a photo.png", SOURCE_SHA256)
    assert (record["codec"], record["quality"]) == (IDENTITY, 20)
    assert entry.damage() == []


def test_a_source_may_have_another_name(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    entry = put(store)
    moved = store.find(KEY, "moved.tif")
    assert moved
    assert moved.name == "moved"
    assert moved.compressed == entry.compressed


def test_a_store_may_keep_no_bitstreams(tmp_path: Path) -> None:
    store = make_store(tmp_path, quality=None, extension=None)
    entry = put(store)
    assert store.find(KEY, "a photo.png") == entry
    assert entry.damage() == []
    assert (entry.quality, entry.bitstream, entry.bits) == (None, None, 1600)
    assert len(files(tmp_path)) == 3


def test_qualities_share_originals(tmp_path: Path) -> None:
    first, second = (put(make_store(tmp_path, quality)) for quality in (20, 30))
    assert first.original == second.original
    assert first.compressed != second.compressed
    assert len(files(tmp_path)) == 7


def test_a_damaged_original_is_not_shared(tmp_path: Path) -> None:
    first = put(make_store(tmp_path))
    flip(first.original)
    second = put(make_store(tmp_path, 30))
    assert first.damage() == second.damage() == []


def test_a_whole_original_is_not_written_again(tmp_path: Path) -> None:
    entry = put(make_store(tmp_path))
    inode = entry.original.stat().st_ino
    put(make_store(tmp_path, 30))
    assert entry.original.stat().st_ino == inode


def flip(path: Path, place: int = -100) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


KINDS = ("original", "compressed", "bitstream", "record")


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        *product(KINDS, ["truncated", "grown", "emptied", "first bit", "some bit", "last bit"]),
        *product(KINDS[:3], ["removed", "replaced"]),
    ],
)
def test_damage_of_every_kind_is_named_and_made_good(tmp_path: Path, kind: str, damage: str) -> None:
    store = make_store(tmp_path)
    entry = put(store)
    other = store.put(KEY[::-1], "other.png", SOURCE_SHA256[::-1], *images(1), BITSTREAM[::-1])
    whole = files(tmp_path)
    path = file_of(entry, kind)
    data = path.read_bytes()
    if damage == "removed":
        path.unlink()
    elif damage == "replaced":
        path.write_bytes(file_of(other, kind).read_bytes())
    elif damage.endswith("bit"):
        flip(path, {"first bit": 0, "some bit": len(data) // 2, "last bit": -1}[damage])
    else:
        path.write_bytes({"truncated": data[:-1], "grown": data + b"0", "emptied": b""}[damage])
    assert any(str(path) in line for line in entry.damage())
    if kind == "record" or damage in ("removed", "truncated", "grown", "emptied"):
        with pytest.raises(DamageError, match=path.name):
            store.find(KEY, "a photo.png")
    assert put(store) == entry
    assert files(tmp_path) == whole


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_record_is_protected(tmp_path: Path, field: str) -> None:
    store = make_store(tmp_path)
    entry = put(store)
    whole = files(tmp_path)
    record: dict[str, Any] = json.loads(entry.record.read_bytes())
    changed = {**record, field: change(record[field])}
    without = {name: value for name, value in record.items() if name != field}
    for edited in (changed, {**record, field: str(record[field]) + " "}, without, {**record, "more": 1}):
        entry.record.write_text(json.dumps(edited))
        assert entry.damage() == [str(raised(store))]
        assert entry.record.name in entry.damage()[0]
    put(store)
    assert files(tmp_path) == whole


def change(value: object) -> object:
    if isinstance(value, dict):
        return {**value, "subsampling": "4:4:4"}
    return value + 1 if isinstance(value, int) else f"{value}"[::-1]


def raised(store: PairStore) -> DamageError:
    with pytest.raises(DamageError) as caught:
        store.find(KEY, "a photo.png")
    return caught.value


def test_a_record_serves_no_other_pair(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    entry = put(store)
    other = put(store, KEY[::-1])
    other.record.write_bytes(entry.record.read_bytes())
    with pytest.raises(DamageError, match="its own hash differs"):
        store.find(KEY[::-1], "a photo.png")
    elsewhere = make_store(tmp_path, 30)
    elsewhere.folder.mkdir()
    elsewhere.file(KEY, "json").write_bytes(entry.record.read_bytes())
    with pytest.raises(DamageError, match="it is the record of another set"):
        elsewhere.find(KEY, "a photo.png")


@pytest.mark.parametrize("after", range(4))
def test_a_full_disk_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    store = make_store(tmp_path)
    written: list[Path] = []
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if len(written) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        OSError, match=r"The disk is full: .* MiB more did not fit into .*Make room, or set pairs\.store"
    ):
        put(store)
    assert not [name for name in files(tmp_path) if "partial" in name]
    assert len(files(tmp_path)) == after
    monkeypatch.undo()
    assert store.find(KEY, "a photo.png") is None
    assert put(store).damage() == []


def test_other_errors_of_the_disk_keep_their_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store_module, "atomic_write", fail)
    with pytest.raises(PermissionError, match="Permission denied"):
        put(make_store(tmp_path))


def test_maps_hold_no_files_open(tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("needs Linux")
    store = make_store(tmp_path)
    entries = [put(store, f"{number:064}") for number in range(3)]
    before = len(list(folder.iterdir()))
    maps = [entry.pixels() for entry in entries]
    assert len(list(folder.iterdir())) == before
    assert len(maps) == 3
