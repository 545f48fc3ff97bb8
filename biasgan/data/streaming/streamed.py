from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from biasgan.data.order import ImageOrder
from biasgan.data.pairs.entry import Entry, asked_by
from biasgan.data.pairs.source import NOTHING, PairSets, PairSource
from biasgan.data.pairs.store import DamageError
from biasgan.data.pairs.stored import divided
from biasgan.data.streaming.chunks import Chunk, ChunkCache, read_index
from biasgan.data.streaming.storage import Storage, StorageError
from biasgan.io.images import ImageError
from biasgan.system.console import say
from biasgan.system.threads import in_threads

GIGABYTE = 1e9


@dataclass(frozen=True)
class StreamedEntry(Entry):
    """A pair in a chunk.

    Attributes:
        side: Which set it is in.
        cache: Has the chunk at hand.
        chunk: Where the pair is.
        compressed: Where the pixels after compression begin in the chunk, in bytes.
        original: Where those before begin.
    """

    side: Literal["train", "valid"]
    cache: ChunkCache
    chunk: Chunk
    compressed: int
    original: int

    @property
    def digest(self) -> str:
        """Of the chunk, with the pair's place in it."""
        return f"{self.chunk.sha256}-{self.compressed}-{self.original}"

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original, mapped from a chunk that is fetched first if need be.

        Raises:
            DamageError: If the chunk is not as it was written.
            StorageError: If it cannot be fetched.
        """
        data, shape = self.cache.map(self.chunk), (self.height, self.width, 3)
        size = self.height * self.width * 3
        compressed, original = (data[at : at + size].reshape(shape) for at in (self.compressed, self.original))
        return compressed, original


class StreamedPairs(PairSource):
    """Pairs that `biasgan.prepare to=…` wrote as LitData chunks, in a folder or in object storage.

    LitData stores them; what a training is shown is decided here, as for all pairs. While all chunks fit into the cache
    a training equals that from the store, bit for bit. A larger set is shown in windows of chunks that fill half of the
    cache, and is fetched anew in each pass.

    Args:
        root: A folder, or `s3://bucket/prefix`.
        cache: Folder for copies of chunks; not used for a set in a folder.
        cache_gigabytes: Of all copies in it, in 10⁹ bytes.
        workers: Threads that compare hashes.
        anonymous: Ask object storage without credentials, as public buckets allow.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(
        self,
        root: str | Path,
        cache: str | Path,
        cache_gigabytes: float = 100,
        workers: int = 2,
        anonymous: bool = False,
    ) -> None:
        if cache_gigabytes <= 0:
            raise ValueError(f"pairs.cache_gigabytes must be more than 0; got {cache_gigabytes}.")
        if workers < 0:
            raise ValueError(f"workers must be at least 0; got {workers}.")
        self.storage = Storage(root, anonymous)
        self.cache = ChunkCache(self.storage, Path(cache).expanduser().absolute(), cache_gigabytes * GIGABYTE)
        self.threads = workers + 1

    @cached_property
    def index(self) -> dict[str, Any]:
        """What the set says about itself, read once."""
        return read_index(self.storage)

    @cached_property
    def chunks(self) -> list[Chunk]:
        """Those of the set, by their numbers."""
        return [Chunk(**chunk) for chunk in self.index["chunks"]]

    @property
    def identity(self) -> dict[str, str | int]:
        """Of what compressed the images."""
        return self.index["identity"]

    def open(self, least_side: int, tell: bool, measured: Mapping[str, int] = NOTHING) -> PairSets[Entry]:
        """The pairs of both sets. Chunks in a folder are compared with their hashes now, others when they come.

        Raises:
            ImageError: If an image is too small to train with, or to be measured.
            StorageError: If there is no whole set.
            DamageError: If chunks are not as they were written; names them all.
        """
        if tell and self.storage.folder and (problems := self.check()):
            raise DamageError("\n".join(problems))
        entries = [self.entry(pair) for pair in self.index["pairs"]]
        train, valid = ([entry for entry in entries if entry.side == side] for side in ("train", "valid"))
        if tell:
            say(divided(len(train), len(valid), f"as {self.storage.root} was written", ()), error=True)
        sizes = ((train, {f"patch_size={least_side}": least_side}), (valid, asked_by(measured)))
        small = [f"{entry.name} has {missed}" for side, of in sizes for entry in side if (missed := entry.misses(of))]
        if small:
            raise ImageError(
                f"{len(small)} of the images in {self.storage.root} are too small: {'; '.join(small[:5])}"
                f"{' …' if len(small) > 5 else ''}."
            )
        return PairSets(train, valid)

    def check(self) -> list[str]:
        """Compare every chunk with its hash, fetching those that are in object storage."""

        def problem(chunk: Chunk) -> str | None:
            try:
                with self.cache.held(chunk):
                    return None
            except (StorageError, DamageError) as error:
                return str(error)

        results = in_threads(problem, self.chunks, self.threads, "comparing hashes", patience=2)
        return sorted(line for _, future in results if (line := future.result()))

    def order(self, entries: Sequence[Entry], seed: int) -> ImageOrder:
        """Images by windows of chunks that fit into the cache."""
        chunks = Counter(entry.chunk for entry in entries if isinstance(entry, StreamedEntry))
        total = sum(chunk.size for chunk in self.chunks)
        if self.storage.folder or total <= self.cache.most_bytes:
            return super().order(entries, seed)
        # Half for the window that comes, half for the one that goes.
        window = int(self.cache.most_bytes / 2 / max(chunk.size for chunk in self.chunks))
        return ImageOrder(list(chunks.values()), max(1, window), seed)

    def entry(self, pair: Mapping[str, Any]) -> StreamedEntry:
        """A pair of the index."""
        known: dict[str, Any] = {**pair, "chunk": self.chunks[pair["chunk"]], "cache": self.cache}
        return StreamedEntry(**known)
