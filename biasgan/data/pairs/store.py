import errno
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from biasgan.data.pairs.entry import Entry
from biasgan.io.checksums import crc32, crc32_of_file, sha256, sha256_of_file
from biasgan.io.files import atomic_write, readable

FULL = (errno.ENOSPC, errno.EDQUOT)


class DamageError(ValueError):
    """A pair whose files are not as they were written; the message names a file and the reason."""


@dataclass(frozen=True)
class StoredEntry(Entry):
    """A pair of a store.

    Attributes:
        original: Decoded source, a `.npy` file of (H, W, 3) uint8 RGB.
        compressed: The same image after compression.
        bitstream: The compressed file; None if the store does not keep it.
        record: What was written down about it.
        original_crc32: Of the original's file: equal pictures have the same.
        compressed_crc32: Of the compressed image's.
    """

    original: Path
    compressed: Path
    bitstream: Path | None
    record: Path
    original_crc32: str
    compressed_crc32: str

    @property
    def digest(self) -> str:
        """CRC-32 of both files."""
        return f"{self.original_crc32}-{self.compressed_crc32}"

    @property
    def original_digest(self) -> str:
        """CRC-32 of the original's file."""
        return self.original_crc32

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original, mapped, (H, W, 3) uint8 twice, read-only.

        Raises:
            FileNotFoundError: If a file is gone.
        """
        try:
            return kept_map(self.compressed, self.height, self.width), kept_map(self.original, self.height, self.width)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error.filename} was there at the start and is gone. The same command makes it again; a training "
                "goes on with resume."
            ) from error

    def damage(self) -> list[str]:
        """Compare every byte of the pair with the hashes in its record.

        Returns:
            A line for each bad file, with the reason; none if the pair is whole.
        """
        try:
            record = Record.read(self.record)
        except DamageError as error:
            return [str(error)]
        files = [
            (self.original, crc32_of_file, record.original_crc32),
            (self.compressed, crc32_of_file, record.compressed_crc32),
        ]
        if self.bitstream:
            files.append((self.bitstream, sha256_of_file, record.bitstream_sha256))
        lines: list[str] = []
        for path, digest, expected in files:
            try:
                if digest(path) != expected:
                    lines.append(f"{path} is not as it was written: its hash differs.")
            except FileNotFoundError:
                lines.append(f"{path} is missing.")
        return lines


@dataclass(frozen=True)
class Record:
    """What a store writes down about a pair, last of all: a pair without it does not exist.

    Pixels have the CRC-32 of their `.npy` files, which finds every flipped bit in a third of the time of SHA-256.
    """

    source: str
    source_sha256: str
    original_crc32: str
    compressed_crc32: str
    bitstream_sha256: str
    width: int
    height: int
    bits: int
    codec: dict[str, str | int]
    quality: int | None

    def write(self, path: Path) -> None:
        """Write the record with a hash of all its fields and of its file name."""
        fields = asdict(self)
        write(path, json.dumps({**fields, "record_sha256": digest_of(path.name, fields)}, indent=2).encode())

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Read a record.

        Raises:
            DamageError: If it is missing, or anything in it was changed.
        """
        try:
            fields = json.loads(path.read_bytes())
            digest = fields.pop("record_sha256")
            record = cls(**fields)
        except FileNotFoundError as error:
            raise DamageError(f"{path} is missing.") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamageError(f"{path} is not as it was written: it is no record of a pair.") from error
        if digest != digest_of(path.name, fields):
            raise DamageError(f"{path} is not as it was written: its own hash differs.")
        return record


class PairStore:
    """Pairs of one codec and quality on disk, whose pixels are mapped into memory.

    It may be killed at any moment, and several processes may fill it at once: all files take their place whole.
    `originals/<hash of the source>-<CRC-32 of the pixels>.npy` are shared by all sets of a store. In the folder of the
    set each image has `.npy`, bitstream and record, named by a key.

    Args:
        root: Folder of the store; made when needed.
        name: Folder of the set in it.
        identity: Of the codec.
        quality: Of all images; None if nobody knows.
        extension: Of the bitstreams; None keeps none.
    """

    def __init__(
        self, root: Path, name: str, identity: Mapping[str, str | int], quality: int | None, extension: str | None
    ) -> None:
        self.root = root
        self.folder = root / name
        self.identity = dict(identity)
        self.quality = quality
        self.extension = extension

    def find(self, key: str, source: str) -> StoredEntry | None:
        """A pair if it was made; its files look whole, by size and header alone.

        Args:
            key: Hash of all that the pair is made of.
            source: Name of the source file.

        Raises:
            DamageError: If its record is damaged, or files are missing or of another size.
        """
        entry = self.recorded(key, source)
        if not entry:
            return None
        for pixels in (entry.original, entry.compressed):
            if not looks_whole(pixels, (entry.height, entry.width, 3)):
                raise DamageError(f"{pixels} is missing, or its size or header is wrong.")
        if entry.bitstream and not (entry.bitstream.is_file() and 8 * entry.bitstream.stat().st_size == entry.bits):
            raise DamageError(f"{entry.bitstream} is missing, or its size is wrong.")
        return entry

    def recorded(self, key: str, source: str) -> StoredEntry | None:
        """A pair if it has a record; its other files were not looked at.

        Raises:
            DamageError: If the record was changed or is that of another set.
        """
        path = self.file(key, "json")
        if not path.exists():
            return None
        record = Record.read(path)
        if (record.codec, record.quality) != (self.identity, self.quality):
            raise DamageError(f"{path} is not as it was written: it is the record of another set.")
        return self.entry(key, record, source)

    def put(
        self,
        key: str,
        source: str,
        source_sha256: str,
        original: np.ndarray,
        compressed: np.ndarray,
        bitstream: bytes,
    ) -> StoredEntry:
        """Write the files of a pair, the record last.

        Args:
            key: Hash of all that the pair is made of.
            source: Name of the source file.
            source_sha256: Of the source file.
            original: (H, W, 3) uint8.
            compressed: The same image after compression.
            bitstream: The compressed file.

        Raises:
            OSError: If the disk is full; nothing half-written stays.
        """
        height, width, _ = original.shape
        header = npy_header(original.shape)
        original_data, compressed_data = (np.ascontiguousarray(image).data for image in (original, compressed))
        record = Record(
            source=source,
            source_sha256=source_sha256,
            original_crc32=crc32((header, original_data)),
            compressed_crc32=crc32((header, compressed_data)),
            bitstream_sha256=sha256(bitstream),
            width=width,
            height=height,
            bits=8 * len(bitstream),
            codec=self.identity,
            quality=self.quality,
        )
        kept_map.cache_clear()  # maps of a damaged file that is made again would still show the damage
        entry = self.entry(key, record, source)
        if not entry.original.exists() or crc32_of_file(entry.original) != record.original_crc32:
            write(entry.original, header, original_data)
        write(entry.compressed, header, compressed_data)
        if entry.bitstream:
            write(entry.bitstream, bitstream)
        record.write(entry.record)
        return entry

    def entry(self, key: str, record: Record, source: str) -> StoredEntry:
        """The pair that a record describes, whether its files are there or not."""
        return StoredEntry(
            name=readable(Path(source).stem),
            width=record.width,
            height=record.height,
            bits=record.bits,
            quality=record.quality,
            # Not by the source alone, since another release of Pillow may decode it differently.
            original=self.root / "originals" / f"{record.source_sha256[:16]}-{record.original_crc32}.npy",
            compressed=self.file(key, "npy"),
            bitstream=self.file(key, self.extension) if self.extension else None,
            record=self.file(key, "json"),
            original_crc32=record.original_crc32,
            compressed_crc32=record.compressed_crc32,
        )

    def file(self, key: str, extension: str) -> Path:
        """A file of a pair."""
        return self.folder / f"{key[:16]}.{extension}"


def write(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file of a store whole or not at all.

    Raises:
        OSError: If the disk is full, in plain words.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            for part in parts:
                file.write(part)
        if hasattr(os, "posix_fadvise"):
            # A set is larger than the memory as a rule, and fresh pages cost more time than the disk.
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        if error.errno not in FULL:
            raise
        text = (
            f"The disk is full: {sum(memoryview(part).nbytes for part in parts) / 2**20:.1f} MiB more did not fit into "
            f"{path.parent}. Make room, or set pairs.store to another disk. What is there stays, and the next run goes "
            "on from it"
        )
        raise OSError(error.errno, text) from error


def digest_of(name: str, fields: Mapping[str, object]) -> str:
    """SHA-256 of a record's fields and its file name."""
    return sha256(name.encode(), json.dumps(fields).encode())


def npy_header(shape: tuple[int, ...]) -> bytes:
    """What a `.npy` file of uint8 pixels begins with."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def looks_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether a `.npy` file has the header and the size of uint8 pixels of a shape."""
    header = npy_header(shape)
    try:
        with path.open("rb") as file:
            return file.read(len(header)) == header and path.stat().st_size == len(header) + math.prod(shape)
    except FileNotFoundError:
        return False


def map_pixels(path: Path, height: int, width: int) -> np.ndarray:
    """Map a `.npy` file of pixels into memory.

    Returns:
        (H, W, 3) uint8, read-only.
    """
    data = map_bytes(path)
    return data[data.size - height * width * 3 :].reshape(height, width, 3)


# Each process keeps its own maps, far fewer than the 65530 that Linux allows.
kept_map = lru_cache(maxsize=4096)(map_pixels)


def map_bytes(path: Path) -> np.ndarray:
    """Map a file into memory; it is read from disk only where it is looked at.

    Unlike `numpy.memmap` this holds no file open, so that thousands can be mapped.

    Returns:
        (size,) uint8, read-only.
    """
    # Half a gigabyte that only a training needs, not a preparation.
    import torch

    data = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8).numpy()
    data.flags.writeable = False
    return data
