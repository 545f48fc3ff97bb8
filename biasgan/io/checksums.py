"""Hashes of bytes and of files, in hexadecimal digits."""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable
from functools import lru_cache, partial, reduce
from pathlib import Path

BEGIN = b"PK"
"""Of an archive, whole or not."""
DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error, zlib.error)
"""What reading a damaged archive ends in: its head may name a compression that there is not, or ask for a password."""
BLOCK = 2**20


def sha256(*parts: bytes | memoryview) -> str:
    """SHA-256 of some bytes, one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_of_json(content: object) -> str:
    """SHA-256 of plain containers, the same in whatever order their keys are."""
    return sha256(json.dumps(content, sort_keys=True).encode())


def sha256_of_file(path: Path) -> str:
    """SHA-256 of what is in a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def crc32(parts: Iterable[bytes | memoryview]) -> str:
    """CRC-32 of some bytes, one after the other."""
    return f"{reduce(lambda value, part: zlib.crc32(part, value), parts, 0):08x}"


def crc32_of_file(path: Path) -> str:
    """CRC-32 of what is in a file."""
    with path.open("rb") as file:
        return crc32(iter(partial(file.read, BLOCK), b""))


def damage_of(path: Path) -> str | None:
    """Compare every byte that `torch.save` has written with its checksum, which `torch.load` does not.

    A file that has not changed since is not read again.

    Args:
        path: The file. One that is no ZIP archive has no checksums, and passes.

    Returns:
        What is damaged; None if nothing is.

    Raises:
        OSError: If the file cannot be read.
    """
    status = path.stat()
    return damage(path.absolute(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def damage(path: Path, changed: int, size: int) -> str | None:
    """As `damage_of`, for a file as it was at a time."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return "its end is missing" if file.read(len(BEGIN)) == BEGIN else None
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except DAMAGED as error:
        return str(error) or type(error).__name__
    return f"{bad} in it differs from its checksum" if bad else None
