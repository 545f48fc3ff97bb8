import json
import os
from pathlib import Path

from biasgan.data.pairs.store import write
from biasgan.io.checksums import sha256
from biasgan.io.images import ImageError


class SourceDigests:
    """SHA-256 of source files, noted with their size and time of change so that each file is read but once.

    A damaged note is worth nothing and does no harm: the file is read again.

    Args:
        folder: Where the notes are; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, source: Path) -> str | None:
        """The hash of a file if it was noted and the file has not changed since.

        Raises:
            ImageError: If the file is missing or may not be looked at.
        """
        state = state_of(source)
        try:
            *noted, digest = json.loads(self.note(source).read_bytes())
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return digest if noted == state else None

    def read(self, source: Path) -> tuple[bytes, str]:
        """Content and hash of a file; notes the hash.

        Raises:
            ImageError: If the file cannot be read.
            OSError: If the disk is full.
        """
        # The state of before: a file that changes meanwhile is read again next time.
        state = state_of(source)
        data, digest = read_source(source)
        write(self.note(source), json.dumps([*state, digest]).encode())
        return data, digest

    def note(self, source: Path) -> Path:
        """Where the hash of a file is noted."""
        return self.folder / f"{sha256(os.fsencode(source.absolute()))[:16]}.json"


def read_source(source: Path) -> tuple[bytes, str]:
    """Content and hash of a file.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        data = source.read_bytes()
    except OSError as error:
        raise ImageError(f"{source} cannot be read: {error.strerror}.") from error
    return data, sha256(data)


def state_of(source: Path) -> list[str | int]:
    """What tells that a file has not changed: its path, size in bytes and time of change in nanoseconds.

    Raises:
        ImageError: If it is missing or may not be looked at.
    """
    try:
        status = source.stat()
    except OSError as error:
        raise ImageError(f"{source} cannot be read: {error.strerror}.") from error
    return [str(source.absolute()), status.st_size, status.st_mtime_ns]
