import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import litdata
import numpy as np
import pytest
import torch
from moto.server import ThreadedMotoServer

from biasgan.codecs.jpeg import JPEG
from biasgan.data.datamodule import RestorationData
from biasgan.data.dataset import Pair
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.entry import names_of
from biasgan.data.pairs.source import PairSets, PairSource
from biasgan.data.pairs.store import DamageError, StoredEntry
from biasgan.data.sets import ImageSet
from biasgan.data.streaming import storage, writing
from biasgan.data.streaming.chunks import INDEX, Chunk
from biasgan.data.streaming.storage import AbsentError, Storage, StorageError
from biasgan.data.streaming.streamed import StreamedEntry, StreamedPairs
from biasgan.data.streaming.writing import write_chunks
from biasgan.io.images import ImageError

from ...conftest import TINY, Command

ROOT = Path(__file__).parents[3]
PAIR = 2 * 70 * 90 * 3
"""Bytes of the smallest pair."""
FORK = "ignore:This process .* is multi-threaded:DeprecationWarning"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3-compatible server with one bucket; its address."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "none",
            "AWS_SHARED_CREDENTIALS_FILE": "none",
        }.items():
            patch.setenv(name, value)
        moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        moto.start()
        host, port = moto.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield f"http://{host}:{port}"
        moto.stop()


@pytest.fixture
def coded(tmp_path: Path, images: ImageSet) -> CodedPairs:
    return CodedPairs(images, JPEG(), 20, tmp_path / "store")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs a chunk: four chunks for seven pairs."""
    monkeypatch.setattr(writing, "CHUNK_BYTES", int(2.5 * PAIR))


Write = Callable[[str | Path], list[Chunk]]


@pytest.fixture
def write(coded: CodedPairs, small_chunks: None) -> Write:
    def write(root: str | Path) -> list[Chunk]:
        return write_chunks(coded.open(1, tell=True), coded.identity, root)

    return write


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place to write a set to."""
    if request.param == "folder":
        return str(tmp_path / "set")
    request.getfixturevalue("server")
    return f"s3://bucket/{tmp_path.name}"


def streamed(root: str | Path, tmp_path: Path, cache_gigabytes: float = 1.0) -> StreamedPairs:
    return StreamedPairs(root, tmp_path / "cache", cache_gigabytes)


def loader_of(source: PairSource, workers: int = 0) -> RestorationData:
    data = RestorationData(source, patch_size=32, batch_size=4, iterations=6, seed=3, workers=workers)
    data.prepare_data()
    data.setup("fit")
    return data


def same(first: list[Pair], second: list[Pair]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(one, other) for pairs in zip(first, second, strict=True) for one, other in zip(*pairs, strict=True)
    )


@pytest.mark.filterwarnings(FORK)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_sees_what_it_would_see_from_the_store(
    write: Write, root: str, coded: CodedPairs, tmp_path: Path, workers: int
) -> None:
    write(root)
    store, stream = loader_of(coded), loader_of(streamed(root, tmp_path), workers)
    assert same(list(store.train_dataloader()), list(stream.train_dataloader()))
    assert same(list(store.val_dataloader()), list(stream.val_dataloader()))
    assert [entry.bits for entry in store.valid_entries] == [entry.bits for entry in stream.valid_entries]
    assert names_of(store.valid_entries) == names_of(stream.valid_entries)
    assert stream.source.identity == coded.identity
    assert [entry.quality for entry in stream.train_entries] == [20] * 5


@pytest.mark.parametrize(("rank", "start"), [(0, 0), (1, 0), (1, 4)])
def test_ranks_and_resumed_trainings_see_what_they_would_see_from_the_store(
    write: Write, coded: CodedPairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int, start: int
) -> None:
    write(tmp_path / "set")
    monkeypatch.setattr(RestorationData, "position", (start, rank, 2))
    sources = (coded, streamed(tmp_path / "set", tmp_path))
    store, stream = (list(loader_of(source).train_dataloader()) for source in sources)
    assert len(stream) == 6 - start
    assert same(store, stream)


def test_litdata_reads_what_is_written(write: Write, coded: CodedPairs, tmp_path: Path) -> None:
    write(tmp_path / "set")
    dataset = litdata.StreamingDataset(str(tmp_path / "set"))
    sets = coded.open(1, tell=False)
    entries = [*sets.train, *sets.valid]
    assert len(dataset) == len(entries)
    for number, entry in enumerate(entries):
        for name, pixels in zip(("compressed", "original"), entry.pixels(), strict=True):
            assert np.array_equal(dataset[number][name], pixels)


def test_pixels_are_mapped_and_read_only(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "set")
    entry = streamed(tmp_path / "set", tmp_path).open(1, tell=False).train[0]
    compressed, original = entry.pixels()
    assert not compressed.flags.writeable
    assert not original.flags.owndata
    assert entry.pixels()[0].ctypes.data == compressed.ctypes.data


def names(root: str) -> set[str]:
    """Files of a set, wherever it is."""
    if not root.startswith("s3://"):
        return {path.name for path in Path(root).iterdir()}
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    found = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
    return {item["Key"].rpartition("/")[2] for item in found}


def test_a_set_has_no_other_files_than_its_own(write: Write, root: str, coded: CodedPairs, tmp_path: Path) -> None:
    first = write(root)
    assert write(root) == first
    assert names(root) == {"index.json", INDEX, *(chunk.name for chunk in first)}
    assert len(first) == 4
    smaller = write_chunks(PairSets(*(side[:1] for side in coded.open(1, tell=False))), coded.identity, root)
    assert names(root) == {"index.json", INDEX, *(chunk.name for chunk in smaller)}
    assert not streamed(root, tmp_path).check()


def test_another_set_is_not_replaced(write: Write, images: ImageSet, root: str, tmp_path: Path) -> None:
    write(root)
    for codec, quality in ((JPEG(), 30), (JPEG("4:4:4"), 20)):
        other = CodedPairs(images, codec, quality, tmp_path / "store")
        with pytest.raises(ValueError, match=r"has a set of another codec or quality\. Remove it, or give each set a"):
            write_chunks(other.open(1, tell=True), other.identity, root)
    assert not streamed(root, tmp_path).check()


@pytest.mark.parametrize("stopped_after", [0, 1, 4, 5])
def test_a_set_is_not_there_before_it_is_whole(
    write: Write, coded: CodedPairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_after: int
) -> None:
    root = tmp_path / "set"
    put, done = Storage.put, list[str]()

    def stop(storage: Storage, name: str, source: Path) -> None:
        if len(done) == stopped_after:
            raise KeyboardInterrupt
        done.append(name)
        put(storage, name, source)

    def stopped(sets: PairSets[StoredEntry]) -> None:
        done.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Storage, "put", stop)
            with pytest.raises(KeyboardInterrupt):
                write_chunks(sets, coded.identity, root)

    sets = coded.open(1, tell=True)
    stopped(sets)
    with pytest.raises(AbsentError, match=r"set has no whole set of pairs: .*pairs\.json does not exist\. Write one"):
        streamed(root, tmp_path).open(1, tell=True)
    first = write(root)
    # One that is replaced stays whole until then.
    stopped(PairSets(sets.train[::-1], sets.valid))
    source = streamed(root, tmp_path)
    assert source.chunks == first
    assert not source.check()


def spoil(path: Path, damage: str) -> None:
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[-300] ^= 1
    path.write_bytes(data[:-1] if damage == "truncated" else data)
    if damage == "missing":
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [("flipped", "its hash differs"), ("truncated", "has .* bytes instead of"), ("missing", "is missing")],
)
def test_damaged_chunks_of_a_folder_are_named(write: Write, tmp_path: Path, damage: str, message: str) -> None:
    root = tmp_path / "set"
    chunks = write(root)
    for chunk in chunks[1:3]:
        spoil(root / chunk.name, damage)
    problems = streamed(root, tmp_path).check()
    assert [problem.split()[0] for problem in problems] == sorted(str(root / chunk.name) for chunk in chunks[1:3])
    with pytest.raises(DamageError, match=rf"\.bin .*{message}.*\n.*\.bin .*{message}"):
        loader_of(streamed(root, tmp_path))
    entry = streamed(root, tmp_path).open(1, tell=False).train[2]
    with pytest.raises(DamageError, match=message):
        entry.pixels()


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_damaged_copies_are_fetched_again(write: Write, server: str, tmp_path: Path, damage: str) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    chunk = write(root)[0]
    first = streamed(root, tmp_path)
    first.open(1, tell=True).train[0].pixels()
    copy = first.cache.path(chunk)
    whole = copy.read_bytes()
    spoil(copy, damage)
    streamed(root, tmp_path).open(1, tell=True).train[0].pixels()
    assert copy.read_bytes() == whole


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_damaged_chunks_in_object_storage_are_named(write: Write, server: str, tmp_path: Path, damage: str) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    name = write(root)[0].name
    client, key = boto3.client("s3"), f"{tmp_path.name}/{name}"
    content = bytearray(client.get_object(Bucket="bucket", Key=key)["Body"].read())
    content[-300] ^= 1
    client.put_object(Bucket="bucket", Key=key, Body=bytes(content[:-1] if damage == "truncated" else content))
    if damage == "missing":
        client.delete_object(Bucket="bucket", Key=key)
    source = streamed(root, tmp_path)
    (problem,) = source.check()
    assert problem.startswith(f"{root}/{name}")
    with pytest.raises((DamageError, StorageError), match=name):
        source.open(1, tell=True).train[0].pixels()
    assert not list((tmp_path / "cache").glob("*.bin.part"))


@pytest.mark.parametrize("edit", [('"bits": ', '"bits": 1'), ("00", "000"), ("{", "["), ('"pairs"', '"parts"')])
def test_an_edited_index_is_refused(write: Write, tmp_path: Path, edit: tuple[str, str]) -> None:
    write(tmp_path / "set")
    index = tmp_path / "set" / INDEX
    index.write_text(index.read_text().replace(*edit, 1))
    with pytest.raises(DamageError, match=r"pairs\.json is not as it was written: .* Write the set again with"):
        streamed(tmp_path / "set", tmp_path).open(1, tell=False)


def test_a_set_larger_than_the_cache_is_shown_in_windows(write: Write, server: str, tmp_path: Path) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    largest = max(chunk.size for chunk in write(root))
    source = streamed(root, tmp_path, cache_gigabytes=2.1 * largest / 1e9)
    data = loader_of(source)
    order = source.order(data.train_entries, seed=3)
    assert (order.chunks, order.window) == ((2, 2, 1), 1)
    fetched: list[str] = []
    get = source.storage.get

    def counting(name: str, target: Path) -> None:
        fetched.append(name)
        get(name, target)

    source.storage.get = counting
    numbers = torch.cat([batch.index for batch in data.train_dataloader()])[:20].reshape(4, 5)
    assert numbers.sort(dim=1).values.tolist() == [[0, 1, 2, 3, 4]] * 4
    copies = list((tmp_path / "cache").glob("*.bin"))
    assert sum(copy.stat().st_size for copy in copies) <= source.cache.most_bytes
    assert len(copies) == 2
    # 24 crops in five passes over three chunks.
    assert 3 < len(fetched) <= 15


def test_maps_of_removed_copies_are_given_up(write: Write, server: str, tmp_path: Path) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    chunks = write(root)
    source = streamed(root, tmp_path, cache_gigabytes=1.1 * max(chunk.size for chunk in chunks) / 1e9)
    first, *_, last = source.open(1, tell=True).train
    kept = first.pixels()[1]
    before = kept.copy()
    last.pixels()
    assert not source.cache.path(chunks[0]).exists()
    assert list(source.cache.maps) == [chunks[2]]
    assert np.array_equal(kept, before)


READER = """
import sys
from pathlib import Path
from biasgan.data.streaming.streamed import StreamedPairs
root, cache = sys.argv[1:]
pairs = StreamedPairs(root, cache, float(2e5) / 1e9).open(1, tell=True)
print(sum(int(image.sum()) for entry in [*pairs.train, *pairs.valid] * 2 for image in entry.pixels()))
"""


def test_processes_share_one_cache(write: Write, server: str, coded: CodedPairs, tmp_path: Path) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    write(root)
    command = [sys.executable, "-c", READER, root, str(tmp_path / "cache")]
    readers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sets = coded.open(1, tell=False)
    expected = 2 * sum(int(image.sum()) for entry in [*sets.train, *sets.valid] for image in entry.pixels())
    assert [int(reader.communicate()[0]) for reader in readers] == [expected] * 2


def test_a_storage_that_is_away_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(storage, "RETRIES", {"total_max_attempts": 1})
    with pytest.raises(StorageError, match=r"s3://bucket/set/pairs\.json: Could not connect .* AWS_ENDPOINT_URL"):
        streamed("s3://bucket/set", tmp_path).open(1, tell=True)


def test_public_sets_need_no_credentials(
    write: Write, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    write(root)
    for name in names(root):
        boto3.client("s3").put_object_acl(Bucket="bucket", Key=f"{tmp_path.name}/{name}", ACL="public-read")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage.client_maker.cache_clear()
    with pytest.raises(StorageError, match="Unable to locate credentials"):
        streamed(root, tmp_path).open(1, tell=True)
    assert not StreamedPairs(root, tmp_path / "cache", anonymous=True).check()


def test_a_missing_bucket_is_named(write: Write, server: str) -> None:
    with pytest.raises(StorageError, match=r"s3://no-such-bucket/set/.*NoSuchBucket.* Check the address"):
        write("s3://no-such-bucket/set")


def test_bad_options_are_named(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ValueError, match=r"gs://bucket/set is neither a folder nor s3://bucket/prefix"):
        StreamedPairs("gs://bucket/set", tmp_path)
    with pytest.raises(ValueError, match="cache_gigabytes must be more than 0; got 0"):
        StreamedPairs(tmp_path, tmp_path, 0)
    with pytest.raises(ValueError, match="workers must be at least 0; got -1"):
        StreamedPairs(tmp_path, tmp_path, workers=-1)
    write(tmp_path / "set")
    with pytest.raises(ImageError, match=r"5 of the images .* too small: 00 has .* less than patch_size=91; 01 has"):
        streamed(tmp_path / "set", tmp_path).open(91, tell=False)


def test_without_the_extra_a_folder_can_be_read_and_the_rest_says_what_to_install(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "set")
    code = """
import sys
sys.modules.update(litdata=None, boto3=None)
from biasgan.data.streaming.streamed import StreamedPairs
print(len(StreamedPairs(sys.argv[1], sys.argv[1]).open(1, tell=True).train))
StreamedPairs("s3://bucket/set", sys.argv[1]).open(1, tell=True)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "set")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "5\n"
    assert (
        "ImportError: Sets in chunks need boto3, which is not installed: pip install 'biasgan[streaming]'"
        in done.stderr
    )


def test_the_command_writes_a_set_that_trains(
    command: Command, preparation: Command, pictures: Path, tmp_path: Path, server: str
) -> None:
    root = f"s3://bucket/{tmp_path.name}"
    made = preparation("data=folder", f"data.root={pictures}", "data.valid_every=2", "qf=30", f"to={root}")
    assert made.status == 0, made.err
    shutil.rmtree(tmp_path / "cache")
    options = [option for option in TINY if not option.startswith(("data", "pairs"))]
    trained = command("data=streaming", f"data.root={root}", "hydra.run.dir=run", *options)
    assert trained.status == 0, trained.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["codec_identity"] == JPEG().identity
    assert (summary["training_images"], summary["validation_images"]) == (3, 3)
    assert preparation("data=streaming", f"data.root={root}", "check=true").status == 0
    again = preparation("data=streaming", f"data.root={root}")
    assert again.status == 1
    assert again.err.endswith("\nerror: These pairs are made already. check=true looks for damage.\n")


def test_entries_can_be_sent_to_workers_of_any_kind(write: Write, tmp_path: Path) -> None:
    import pickle

    write(tmp_path / "set")
    entries = streamed(tmp_path / "set", tmp_path).open(1, tell=False).train
    before = [entry.pixels()[0] for entry in entries]
    copies: list[StreamedEntry] = pickle.loads(pickle.dumps(entries))
    assert len({id(copy.cache) for copy in copies}) == 1
    assert all(np.array_equal(copy.pixels()[0], one) for copy, one in zip(copies, before, strict=True))
