import errno
import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy

from biasgan.codecs.codec import Codec, CodecError
from biasgan.data.entry import Entry
from biasgan.files import atomic_write
from biasgan.images import ImageError, read_image

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class StoredEntry(Entry):
    """A pair of a store.

    Attributes:
        original: Decoded source, a `.npy` file of (H, W, 3) uint8 RGB.
        compressed: The same image after compression.
    """

    original: Path
    compressed: Path

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original, mapped, (H, W, 3) uint8 twice, read-only."""
        return (
            map_pixels(self.compressed, self.height, self.width),
            map_pixels(self.original, self.height, self.width),
        )


@dataclass(frozen=True)
class Record:
    """What a store writes down about a pair, last of all: a pair without it does not exist."""

    source: str
    source_sha256: str
    original_sha256: str
    compressed_sha256: str
    bitstream_sha256: str
    width: int
    height: int
    bits: int
    codec: dict[str, str | int]
    quality: int


class PairStore:
    """Pairs on disk: each image is compressed once, whole, and its decoded pixels are mapped into memory from then on.

    It may be killed at any moment and goes on where it stopped; several processes may fill one store at once. All
    files take their place whole: `originals/<hash of the file>.npy`, shared by all codecs and qualities, and in
    `<codec>-<hash of its identity>/<quality>/` per image, named by the hash of its source, `.npy`, bitstream and
    record.

    Args:
        root: Folder of the store; made when needed.
        codec: Compresses.
        quality: Within the codec's range.

    Raises:
        ValueError: If the quality is not valid.
    """

    def __init__(self, root: Path, codec: Codec, quality: int) -> None:
        codec.check_quality(quality)
        self.root = root.expanduser().absolute()
        self.codec = codec
        self.quality = quality
        self.identity = codec.identity
        digest = sha256(json.dumps(self.identity, sort_keys=True).encode())
        self.folder = self.root / f"{codec.name}-{digest[:8]}" / str(quality)

    def find(self, source: Path) -> StoredEntry | None:
        """The pair of an image if it was made and its files look whole, by size and header alone.

        None also for a source that was not seen before with this path, size and time of change: `add` reads it.

        Raises:
            ImageError: If the source is missing or may not be read.
        """
        digest = self.noted_digest(source)
        record = self.record(digest) if digest else None
        return self.entry(record, source) if record else None

    def add(self, source: Path) -> StoredEntry:
        """The pair of an image, made if need be.

        Raises:
            ImageError: If the source cannot be read.
            CodecError: If the codec cannot encode it.
            OSError: If the disk is full; nothing half-written stays.
        """
        record = self.record(self.digest(source))
        return (self.entry(record, source) if record else None) or self.make(source)

    def verify(self, source: Path) -> bool:
        """Compare all files of a pair with the hashes in its record; make it again if one differs.

        Returns:
            Whether the pair was there and whole.

        Raises:
            ImageError: If the source cannot be read.
            OSError: If the disk is full.
        """
        record = self.record(self.digest(source))
        whole = bool(
            record
            and self.entry(record, source)
            and sha256(self.original_file(record).read_bytes()) == record.original_sha256
            and sha256(self.file(record.source_sha256, "npy").read_bytes()) == record.compressed_sha256
            and sha256(self.bitstream_file(record.source_sha256).read_bytes()) == record.bitstream_sha256
        )
        if not whole:
            self.make(source)
        return whole

    def make(self, source: Path) -> StoredEntry:
        """Compress an image and write its files, the record last."""
        digest = self.digest(source)
        original = read_image(source)
        coded = self.codec.encode(original, self.quality)
        if coded.image.shape != original.shape:
            raise CodecError(f"{self.codec.name} turned {source} of {original.shape} into {coded.image.shape}.")
        original_data, compressed_data = npy_bytes(original), npy_bytes(coded.image)
        height, width = original.shape[:2]
        record = Record(
            source=source.name,
            source_sha256=digest,
            original_sha256=sha256(original_data),
            compressed_sha256=sha256(compressed_data),
            bitstream_sha256=sha256(coded.data),
            width=width,
            height=height,
            bits=coded.bits,
            codec=self.identity,
            quality=self.quality,
        )
        self.write(self.original_file(record), original_data)
        self.write(self.file(digest, "npy"), compressed_data)
        self.write(self.bitstream_file(digest), coded.data)
        self.write(self.file(digest, "json"), json.dumps(asdict(record), indent=2).encode())
        return StoredEntry(
            source.stem,
            width,
            height,
            coded.bits,
            self.quality,
            self.original_file(record),
            self.file(digest, "npy"),
        )

    def entry(self, record: Record, source: Path) -> StoredEntry | None:
        """The pair that a record describes, unless its files are missing or of another size."""
        original, compressed = self.original_file(record), self.file(record.source_sha256, "npy")
        bitstream = self.bitstream_file(record.source_sha256)
        shape = (record.height, record.width, 3)
        if not (is_whole(original, shape) and is_whole(compressed, shape)):
            return None
        if not (bitstream.is_file() and 8 * bitstream.stat().st_size == record.bits):
            return None
        return StoredEntry(source.stem, record.width, record.height, record.bits, record.quality, original, compressed)

    def record(self, digest: str) -> Record | None:
        """The record of a source, unless it is missing, damaged or another one's."""
        try:
            record = Record(**json.loads(self.file(digest, "json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        expected = (digest, self.identity, self.quality)
        return record if (record.source_sha256, record.codec, record.quality) == expected else None

    def file(self, digest: str, extension: str) -> Path:
        """A file of the pair whose source has this hash."""
        return self.folder / f"{digest[:16]}.{extension}"

    def bitstream_file(self, digest: str) -> Path:
        """The bitstream of the source that has this hash."""
        return self.file(digest, self.codec.extension)

    def original_file(self, record: Record) -> Path:
        """The decoded source, named by its own hash: another release of Pillow may decode the source differently."""
        return self.root / "originals" / f"{str(record.original_sha256)[:16]}.npy"

    def digest(self, source: Path) -> str:
        """SHA-256 of a source, read anew only if its size or time of change are not as noted."""
        known = self.noted_digest(source)
        if known:
            return known
        try:
            with source.open("rb") as file:
                state = state_of(source)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise ImageError(f"{source} cannot be read: {error.strerror}.") from error
        self.write(self.note(source), json.dumps([*state, digest]).encode())
        return digest

    def noted_digest(self, source: Path) -> str | None:
        """SHA-256 of a source if it was noted and the source has not changed since."""
        try:
            *state, digest = json.loads(self.note(source).read_bytes())
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return digest if state == state_of(source) else None

    def note(self, source: Path) -> Path:
        """Where the hash of a source is noted."""
        return self.root / "sources" / f"{sha256(os.fsencode(source.absolute()))[:16]}.json"

    def write(self, path: Path, data: bytes) -> None:
        """Write a file whole, unless it is there as it should be.

        Raises:
            OSError: If the disk is full, in plain words.
        """
        try:
            if path.is_file() and path.read_bytes() == data:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            text = (
                f"The disk is full: {len(data) / 2**20:.1f} MiB more did not fit into the pair store {self.root}. Make "
                "room, or set pairs.store to another disk. What is there stays, and the next run goes on from it"
            )
            raise OSError(error.errno, text) from error


def state_of(source: Path) -> list[str | int]:
    """What tells that a file has not changed: its path, size in bytes and time of change in nanoseconds.

    Raises:
        ImageError: If it is missing or may not be looked at.
    """
    try:
        status = source.stat()
    except (FileNotFoundError, PermissionError) as error:
        raise ImageError(f"{source} cannot be read: {error.strerror}.") from error
    return [str(source.absolute()), status.st_size, status.st_mtime_ns]


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as the content of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def is_whole(path: Path, shape: tuple[int, int, int]) -> bool:
    """Whether a `.npy` file has the header and the size of uint8 pixels of a shape."""
    try:
        with path.open("rb") as file:
            if npy.read_magic(file) != (1, 0) or npy.read_array_header_1_0(file) != (shape, False, np.dtype(np.uint8)):
                return False
            return path.stat().st_size == file.tell() + int(np.prod(shape))
    except (FileNotFoundError, ValueError, TypeError):
        return False


def map_pixels(path: Path, height: int, width: int) -> np.ndarray:
    """Map a `.npy` file of pixels into memory; it is read from disk only where it is looked at.

    Unlike `numpy.load` this holds no file open, so that thousands can be mapped.

    Returns:
        (H, W, 3) uint8, read-only.
    """
    size, count = path.stat().st_size, height * width * 3
    pixels = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
    pixels.flags.writeable = False
    return pixels[size - count :].reshape(height, width, 3)
