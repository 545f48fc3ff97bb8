import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from biasgan.data.pairs.entry import Entry
from biasgan.data.pairs.source import PairSets
from biasgan.data.pairs.store import DamageError
from biasgan.data.streaming.chunks import INDEX, Chunk, ChunkedPair, ChunkedSet, Side
from biasgan.data.streaming.storage import AbsentError, Storage, extra
from biasgan.io.checksums import sha256
from biasgan.system.console import progress_bar

CHUNK_BYTES = 2**26
"""LitData's usual size: large enough for object storage, small enough to wait for."""


def write_chunks(sets: PairSets[Entry], identity: dict[str, str | int], root: str | Path) -> ChunkedSet:
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
    sides: tuple[tuple[Side, Sequence[Entry]], ...] = (("train", sets.train), ("valid", sets.valid))
    pairs: list[tuple[Side, Entry]] = [(side, entry) for side, entries in sides for entry in entries]
    former = former_set(storage, identity, {entry.quality for _, entry in pairs})
    chunks: list[Chunk] = []
    written: list[ChunkedPair] = []
    with (
        TemporaryDirectory() as scratch,
        progress_bar() as progress,
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="An item was larger than the target chunk size")
        task = progress.add_task(f"writing {storage.root}", total=len(pairs))
        writer = extra("litdata.streaming.writer").BinaryWriter(scratch, chunk_bytes=CHUNK_BYTES)

        def finish(path: Path) -> None:
            data = path.read_bytes()
            for place in places(data):
                side, entry = pairs[len(written)]
                written.append(chunked_pair(side, entry, len(chunks), *place, data))
            digest = sha256(data)
            chunks.append(Chunk(f"{digest[:32]}.bin", len(data), digest))
            storage.put(chunks[-1].name, path)

        for number, (_, entry) in enumerate(pairs):
            compressed, original = entry.pixels()
            full = writer.add_item(number, {"compressed": compressed, "original": original})
            if full:
                finish(Path(full))
            progress.advance(task)
        for rest in writer.done():
            if Path(rest).exists():
                finish(Path(rest))
        # Not by `merge`, which waits for as many indices as WORLD_SIZE says.
        index = Path(writer.write_chunks_index())
        index.write_text(renamed(index.read_text(), chunks))
        storage.put("index.json", index)
        result = ChunkedSet(identity, chunks, written)
        result.write(Path(scratch, INDEX))
        storage.put(INDEX, Path(scratch, INDEX))
    for name in sorted({chunk.name for chunk in former} - {chunk.name for chunk in chunks}):
        storage.remove(name)
    return result


def former_set(storage: Storage, identity: dict[str, str | int], qualities: set[int | None]) -> Sequence[Chunk]:
    """Chunks of a set that is there already and is to be replaced.

    Raises:
        ValueError: If it has another codec or other qualities.
        StorageError: If the storage cannot be reached.
    """
    try:
        former = ChunkedSet.read(storage)
    except (AbsentError, DamageError):
        return ()
    if (former.identity, {pair.quality for pair in former.pairs}) != (identity, qualities):
        raise ValueError(
            f"{storage.root} has a set of another codec or quality. Remove it, or give each set a place of its own, as "
            "to='PLACE/${qf}' does."
        )
    return former.chunks


def renamed(index: str, chunks: Sequence[Chunk]) -> str:
    """LitData's index with the names that the chunks have got."""
    content = json.loads(index)
    for entry, chunk in zip(content["chunks"], chunks, strict=True):
        entry["filename"] = chunk.name
    return json.dumps(content)


def places(chunk: bytes) -> Iterator[tuple[int, int]]:
    """Where the two leaves of each item in a LitData chunk end, in bytes.

    A chunk begins with its number of items and where each of them begins and the last one ends; an item begins with the
    sizes of its leaves, all as 32-bit numbers.
    """
    items = int(np.frombuffer(chunk, "<u4", 1)[0])
    for start in np.frombuffer(chunk, "<u4", items, 4).tolist():
        first, second = np.frombuffer(chunk, "<u4", 2, start).tolist()
        yield start + 8 + first, start + 8 + first + second


def chunked_pair(
    side: Side, entry: Entry, chunk: int, compressed_end: int, original_end: int, data: bytes
) -> ChunkedPair:
    """What the index says of a pair whose pixels end at two places of its chunk.

    Raises:
        RuntimeError: If its pixels are not there: LitData has changed its format.
    """
    size = entry.height * entry.width * 3
    starts = (compressed_end - size, original_end - size)
    if any(
        data[start : start + size] != pixels.tobytes() for start, pixels in zip(starts, entry.pixels(), strict=True)
    ):
        raise RuntimeError("This release of LitData writes chunks in another form; install an older one.")
    return ChunkedPair(
        *(entry.name, side, entry.width, entry.height, entry.bits, entry.quality, chunk, starts[0], starts[1]),
        place=entry.place,
    )
