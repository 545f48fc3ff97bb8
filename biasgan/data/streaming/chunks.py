import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from biasgan.data.pairs.store import DamageError, map_bytes
from biasgan.data.streaming.storage import AbsentError, Storage
from biasgan.io.checksums import sha256_of_file, sha256_of_json

INDEX = "pairs.json"
"""All that a set says about itself: `identity`, `chunks`, `pairs` and their hash. Without it there is no set."""


@dataclass(frozen=True)
class Chunk:
    """A file with some pairs in it, in LitData's format; its size is in bytes."""

    name: str
    size: int
    sha256: str

    def damage(self, path: Path) -> str | None:
        """What is wrong with a copy of it, or None."""
        try:
            if (size := path.stat().st_size) != self.size:
                return f"has {size} bytes instead of {self.size}"
            return None if sha256_of_file(path) == self.sha256 else "is not as it was written: its hash differs"
        except FileNotFoundError:
            return "is missing"


def read_index(storage: Storage) -> dict[str, Any]:
    """What a set says about itself.

    Raises:
        AbsentError: If it is not there.
        StorageError: If the storage cannot be reached.
        DamageError: If it is not as it was written.
    """
    command = f"biasgan prepare … {quote(f'to={storage.root}')}"
    with TemporaryDirectory() as folder:
        path = Path(folder, INDEX)
        try:
            storage.get(INDEX, path)
            content: dict[str, Any] = json.loads(path.read_bytes())
            if content.pop("sha256") != sha256_of_json(content):
                raise ValueError("its hash differs")
        except AbsentError as error:
            raise AbsentError(f"{storage.root} has no whole set of pairs: {error} Write one with {command}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamageError(
                f"{storage.root}/{INDEX} is not as it was written: {error}. Write the set again with {command}"
            ) from error
    return content


class ChunkCache:
    """Chunks at hand: those of a folder where they are, those of object storage as copies on the local disk.

    A copy has the name of its hash and is checked before each process uses it. When there are too many, those that were
    used longest ago are removed; what is mapped at that moment stays readable. Several processes may use one folder.

    Args:
        storage: Where the chunks are.
        folder: For copies; made when needed.
        most_bytes: Of all copies in it.
    """

    def __init__(self, storage: Storage, folder: Path, most_bytes: float) -> None:
        self.storage = storage
        self.folder = folder
        self.most_bytes = most_bytes
        self.maps: dict[Chunk, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Another process maps for itself.
        return {**self.__dict__, "maps": {}}

    def map(self, chunk: Chunk) -> np.ndarray:
        """A chunk mapped into memory, (size,) uint8, read-only.

        Raises:
            DamageError: If it is not as it was written.
            StorageError: If it cannot be fetched.
        """
        if chunk not in self.maps:
            with self.held(chunk) as path:
                if not self.storage.folder:
                    # A map keeps what was removed meanwhile on the disk.
                    self.maps = {known: pixels for known, pixels in self.maps.items() if self.path(known).exists()}
                self.maps[chunk] = map_bytes(path)
        return self.maps[chunk]

    def path(self, chunk: Chunk) -> Path:
        """Where a chunk or its copy is."""
        return self.storage.folder / chunk.name if self.storage.folder else self.folder / f"{chunk.sha256[:32]}.bin"

    @contextmanager
    def held(self, chunk: Chunk) -> Generator[Path]:
        """The file of a chunk, checked, which nobody removes within the block.

        Raises:
            DamageError: If it is not as it was written.
            StorageError: If it cannot be fetched.
        """
        path = self.path(chunk)
        if self.storage.folder:
            if problem := chunk.damage(path):
                raise DamageError(f"{path} {problem}. Write the set again.")
            yield path
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock_of(path):
            if chunk.damage(path):
                self.copy(chunk, path)
            os.utime(path)
            yield path

    def copy(self, chunk: Chunk, path: Path) -> None:
        """Fetch a chunk from object storage, whole or not at all."""
        self.make_room(chunk.size)
        partial = path.with_suffix(".part")
        try:
            self.storage.get(chunk.name, partial)
            if problem := chunk.damage(partial):
                raise DamageError(f"{self.storage.root}/{chunk.name} {problem}. Write the set again.")
            partial.replace(path)
            # Others may have fetched at the same time.
            self.make_room(0)
        finally:
            partial.unlink(missing_ok=True)

    def make_room(self, size: int) -> None:
        """Remove copies that nobody holds, those used longest ago first, until `size` bytes more fit in.

        Args:
            size: Of what is to come, in bytes.
        """
        copies: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*.bin"):
            with suppress(FileNotFoundError):
                status = path.stat()
                copies.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in copies) + size - self.most_bytes
        for _, size_of_copy, path in sorted(copies):
            if excess <= 0:
                return
            with suppress(Timeout), lock_of(path).acquire(blocking=False):
                path.unlink(missing_ok=True)
                excess -= size_of_copy


def lock_of(path: Path) -> FileLock:
    """What a process holds while it fetches, maps or removes a copy."""
    return FileLock(path.with_suffix(".lock"))
