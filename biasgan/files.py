import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """Write a file whole or not at all.

    The block writes to the temporary path it is given: in the same folder, with the same extension. If it succeeds the
    file is synced to disk and takes the place of `path`; on any failure, an interrupt too, it is removed and whatever
    was at `path` is still there.

    Args:
        path: The file to write, in a folder that exists.

    Yields:
        The temporary path.

    Raises:
        OSError: If the disk is full or the folder read-only or missing.
    """
    temporary = path.with_name(f"{PARTIAL}{secrets.token_hex(4)}-{path.name}")
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
