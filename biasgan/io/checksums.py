import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

BEGIN = b"PK"
"""Of an archive, whole or not."""
DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error, zlib.error)
"""What reading a damaged archive ends in."""


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
