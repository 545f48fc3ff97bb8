import errno
import os
import secrets
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from biasgan.io.checksums import sha256

PARTIAL = ".partial-"
LONGEST_NAME = 255
"""Bytes of a file's name that file systems take."""


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """Write a file whole or not at all.

    The block writes to the temporary path it is given: in the same folder, with the same extension and a short name.
    If it succeeds the file is synced to disk and takes the place of `path`; on any failure, an interrupt too, it is
    removed and whatever was at `path` is still there.

    Args:
        path: The file to write, in a folder that exists.

    Yields:
        The temporary path.

    Raises:
        OSError: If the disk is full or the folder read-only or missing.
    """
    # Without the name, which may be as long as names can be, and the end of which may be taken for an extension.
    temporary = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}{path.suffix[-16:]}")
    try:
        yield temporary
        # Opened for writing, since Windows syncs no other.
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # A write that fails does not say where.
        if error.errno and not error.filename:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path, seconds: float = 86400, deep: bool = True) -> None:
    """Remove what killed processes left of `atomic_write`.

    Args:
        folder: Need not exist.
        seconds: Age from which a temporary file has no writer any more.
        deep: Whether its subfolders are searched too.
    """
    for file in folder.glob(f"{'**/' if deep else ''}{PARTIAL}*"):
        try:
            if time.time() - file.stat().st_mtime > seconds:
                file.unlink()
        except FileNotFoundError:
            continue


def expanded(path: str | Path) -> str:
    """A path with ~ and ~user replaced as a shell does: where there is such a user."""
    return os.path.expanduser(path)  # noqa: PTH111 - pathlib fails where there is none


def fitting(name: str, ending: str = "", room: int = 5) -> str:
    """A name with an ending, short enough that an extension fits behind it.

    Args:
        name: If it is too long, its end becomes eight digits of its hash.
        ending: Stays as it is.
        room: Bytes for the extension.
    """
    most = LONGEST_NAME - room - len(os.fsencode(ending))
    data = os.fsencode(name)
    if len(data) <= most:
        return name + ending
    digest = sha256(data)[:8]
    return data[: most - len(digest) - 1].decode(errors="ignore") + f"~{digest}{ending}"


def exists(path: Path) -> bool:
    """Whether there is a file or folder; there is none of a name that no file can have."""
    try:
        return path.exists()
    except OSError:
        return False


def readable(name: str) -> str:
    r"""A name of a file as text that can be written anywhere: bytes that are no UTF-8 become \xNN."""
    return os.fsencode(name).decode(errors="backslashreplace")


def require_writable(folder: Path) -> None:
    """Find out whether files can be written into a folder that need not exist yet; nothing is left there.

    Raises:
        OSError: If they cannot, in plain words.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if exists(place) or place.is_symlink())
    try:
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is no folder")
        with tempfile.NamedTemporaryFile(dir=there, prefix=PARTIAL) as file:
            file.write(bytes(4096))
    except OSError as error:
        where = "" if there == folder else f"{there}: "
        raise OSError(f"{folder} cannot be written to: {where}{error.strerror}.") from error
