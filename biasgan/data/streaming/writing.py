import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from biasgan.data.pairs.entry import Entry
from biasgan.data.pairs.source import PairSets
from biasgan.data.pairs.store import DamageError
from biasgan.data.streaming.chunks import INDEX, Chunk, read_index
from biasgan.data.streaming.storage import AbsentError, Storage, extra
from biasgan.io.checksums import sha256, sha256_of_json
from biasgan.system.console import ignore_warnings, progress_bar

CHUNK_BYTES = 2**26
"""LitData's usual size: large enough for object storage, small enough to wait for."""


def write_chunks(sets: PairSets[Entry], identity: dict[str, str | int], root: str | Path) -> list[Chunk]:
    """Write pairs as LitData chunks into a folder or object storage, with a progress bar.

    Each item has the pixels of `compressed` and `original`, (H, W, 3) uint8, so that LitData can read them too. Chunks
    are named by their hashes, and what tells where the pairs are is written last: a set that is replaced stays whole
    until then.

    Args:
        sets: The pairs, to train with and to validate with.
        identity: Of what compressed the images.
        root: A folder, or `s3://bucket/prefix`.

    Raises:
        ImportError: If LitData is not installed.
        ValueError: If there is a set of another codec or quality.
        StorageError: If the storage cannot be reached or does not take a file.
    """
    storage = Storage(root)
    entries = [*sets.train, *sets.valid]
    sides = ["train"] * len(sets.train) + ["valid"] * len(sets.valid)
    former = former_chunks(storage, identity, {entry.quality for entry in entries})
    chunks: list[Chunk] = []
    pairs: list[dict[str, Any]] = []
    bar = progress_bar()
    ignore_warnings("An item was larger than the target chunk size")
    with TemporaryDirectory() as scratch, bar:
        writer = extra("litdata.streaming.writer").BinaryWriter(scratch, chunk_bytes=CHUNK_BYTES)
        task = bar.add_task(f"writing {storage.root}", total=len(entries))
        for path in filled(writer, bar.track(entries, task_id=task)):
            data = path.read_bytes()
            for entry, places in placed(entries[len(pairs) :], data):
                pairs.append({**places, **known(entry), "side": sides[len(pairs)], "chunk": len(chunks)})
            digest = sha256(data)
            chunks.append(Chunk(f"{digest[:32]}.bin", len(data), digest))
            storage.put(chunks[-1].name, path)
        # Not by `merge`, which waits for as many indices as WORLD_SIZE says.
        index = Path(writer.write_chunks_index())
        lit_index = json.loads(index.read_bytes())
        for entry, chunk in zip(lit_index["chunks"], chunks, strict=True):
            entry["filename"] = chunk.name
        own = {"identity": identity, "chunks": [asdict(chunk) for chunk in chunks], "pairs": pairs}
        for name, content in (("index.json", lit_index), (INDEX, {"sha256": sha256_of_json(own), **own})):
            index.write_text(json.dumps(content))
            storage.put(name, index)
    for name in sorted(former - {chunk.name for chunk in chunks}):
        storage.remove(name)
    return chunks


def former_chunks(storage: Storage, identity: dict[str, str | int], qualities: set[int | None]) -> set[str]:
    """Names of the chunks of a set that is there already and is to be replaced.

    Raises:
        ValueError: If it has another codec or other qualities.
    """
    try:
        former = read_index(storage)
    except (AbsentError, DamageError):
        return set()
    if (former["identity"], {pair["quality"] for pair in former["pairs"]}) != (identity, qualities):
        raise ValueError(
            f"{storage.root} has a set of another codec or quality. Remove it, or give each set a place of its own, as "
            "to='PLACE/${qf}' does."
        )
    return {chunk["name"] for chunk in former["chunks"]}


def filled(writer: Any, entries: Iterable[Entry]) -> Iterator[Path]:  # noqa: ANN401 - LitData has no types
    """Give LitData all pairs; its chunks, as they become full."""
    for number, entry in enumerate(entries):
        compressed, original = entry.pixels()
        if full := writer.add_item(number, {"compressed": compressed, "original": original}):
            yield Path(full)
    yield from filter(Path.exists, map(Path, writer.done()))


def placed(entries: Iterable[Entry], chunk: bytes) -> Iterator[tuple[Entry, dict[str, int]]]:
    """The first of some pairs, which are in a chunk, with where in it their pixels begin, in bytes.

    Raises:
        RuntimeError: If they are not there: LitData has changed its format.
    """
    items, end = int.from_bytes(chunk[:4], "little"), 0
    for entry in islice(entries, items):
        places: dict[str, int] = {}
        for name, pixels in zip(("compressed", "original"), entry.pixels(), strict=True):
            places[name] = chunk.find(pixels.tobytes(), end)
            end = places[name] + pixels.nbytes
            if places[name] < 0:
                raise RuntimeError("This release of LitData writes chunks in another form; install an older one.")
        yield entry, places


def known(entry: Entry) -> dict[str, Any]:
    """What is known of any pair."""
    return {field.name: getattr(entry, field.name) for field in fields(Entry)}
