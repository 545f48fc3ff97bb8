import hashlib
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout
from rich.filesize import decimal
from rich.progress import DownloadColumn, Progress, TaskID, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

from biasgan import __version__
from biasgan.system.console import progress_bar, say

WAITS = (1, 2, 4, 8, 16)
"""Seconds before each further try; counted anew whenever a try has brought the file forward."""

TIMEOUT = 60
"""Seconds without an answer or a byte after which a connection counts as cut."""

BLOCK = 2**18
PASSING = (408, 425, 429)


class DownloadError(OSError):
    """A file that could not be fetched; the message says why and what to do."""


class _CutError(Exception):
    """A try that failed in a way in which the next one may not."""


def download(address: str, path: Path, checksum: str, size: int | None = None) -> None:
    """Fetch a file over HTTP, whole and checked or not at all.

    What has come stays beside it as `<name>.part` if the connection is cut for good, the disk is full or the command is
    stopped, and the next call asks for the rest. The file comes anew if it has changed at its source meanwhile, by its
    ETag or date, or if the server names neither or knows no ranges. Of several processes one fetches, the others wait.

    Args:
        address: Of HTTP or HTTPS.
        path: The file to make, its folder too if needed. A file that is there is only checked.
        checksum: Algorithm, as hashlib names it, and hexadecimal digest: `sha256:9d0b…`. Where no more is known, the
            first digits alone, or none.
        size: In bytes, if known: then a wrong file is refused before it is fetched.

    Raises:
        DownloadError: If the server cannot be reached, has no such file or another one, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.with_name(f"{path.name}.lock")):
        if path.exists():
            verify(path, checksum)
            return
        partial, version = (path.with_name(f"{path.name}{end}") for end in (".part", ".part.version"))
        with byte_progress() as progress:
            _fetch(address, partial, version, size, progress)
        got = _digest(partial, checksum)
        if not got.startswith(checksum):
            partial.unlink()
            raise DownloadError(
                f"{address} gave other bytes than expected: {got} instead of {checksum}. They are removed; run the "
                "command again. If it comes to the same, the file has changed at its source."
            )
        # Not synced: every later use checks the file again.
        partial.replace(path)
        version.unlink(missing_ok=True)


def verify(path: Path, checksum: str) -> None:
    """Compare a file with its checksum, given as for `download`.

    Raises:
        DownloadError: If it is another file or damaged.
    """
    got = _digest(path, checksum)
    if not got.startswith(checksum):
        raise DownloadError(
            f"{path} is damaged or another file: {got} instead of {checksum}. Delete it and run the command again."
        )


@contextmanager
def alone(lock: Path) -> Generator[None]:
    """Let one process at a time into the block, by a lock that ends with the process; says so where it has to wait."""
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except Timeout:
        say(f"Another process holds {lock}; waiting for it.", error=True)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def require_room(folder: Path, size: int) -> None:
    """Make sure of free space before it is filled.

    Raises:
        DownloadError: If less than `size` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(
            f"The disk is too full: {decimal(size)} are to be written in {folder}, and {decimal(free)} are free. Make "
            "room and run the command again, or choose a folder on another disk."
        )


def byte_progress() -> Progress:
    """Make a bar of bytes, speed and time left."""
    return progress_bar(SpeedColumn(), TimeRemainingColumn(), done=DownloadColumn())


def _digest(path: Path, checksum: str) -> str:
    """A file's checksum by the same algorithm as the given one."""
    algorithm = checksum.partition(":")[0]
    digest = hashlib.new(algorithm)
    with byte_progress() as progress, progress.open(path, "rb", description="checking") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def _fetch(address: str, partial: Path, version: Path, size: int | None, progress: Progress) -> None:
    """Fill the partial file, with as many tries as bring it forward."""
    task = progress.add_task("", total=None)
    furthest, waits = 0, iter(WAITS)
    while True:
        try:
            _fetch_rest(address, partial, version, size, progress, task)
            return
        except _CutError as cut:
            come = _size(partial)
            if come > furthest:
                furthest, waits = come, iter(WAITS)
            wait = next(waits, None)
            if wait is None:
                kept = f" What has come, {decimal(come)}, is kept." if come else ""
                raise DownloadError(
                    f"{address} could not be fetched: {cut}.{kept} Check the connection and run the command again."
                ) from cut
            progress.update(task, description=f"{cut}; next try in {wait} s")
            time.sleep(wait)


def _fetch_rest(address: str, partial: Path, version: Path, size: int | None, progress: Progress, task: TaskID) -> None:
    """Ask once for what the partial file lacks, or for all of it where it cannot be gone on with."""
    have = _size(partial)
    request = Request(address, headers={"User-Agent": f"biasgan/{__version__}"})
    if have and version.exists() and (known := version.read_text()):
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known)
    response = _answer(request, have)
    if response is None:
        return
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            version.unlink()
            raise _CutError("the server sent another part of the file than it was asked for")
        come = have if resumed else 0
        total = _total(response, come, size, address)
        if total is not None:
            require_room(partial.parent, total - have)
        progress.reset(task, completed=come, total=total, description=PurePosixPath(address).name)
        if not resumed:
            _write(partial, b"", "wb")
            # After the old bytes are gone and before new ones come: a version never has those of another.
            version.write_text(_version(response))
        for block in _blocks(response):
            come += len(block)
            if total is not None and come > total:
                partial.unlink()
                raise DownloadError(
                    f"{address} sends more than the {total} bytes expected: the file has changed at its source. What "
                    "came is removed."
                )
            _write(partial, block, "ab")
            progress.advance(task, len(block))
    if total is not None and come < total:
        raise _CutError(f"the connection was cut after {come} of {total} bytes")


def _total(response: HTTPResponse, come: int, size: int | None, address: str) -> int | None:
    """How many bytes the whole file has, if that is known; refuses another number than `size`."""
    length = response.headers.get("Content-Length")
    total = size if length is None else come + int(length)
    if size is not None and total != size:
        raise DownloadError(
            f"{address} has {total} bytes instead of {size}: the file has changed at its source, or a page of the "
            "network came instead of it. Check the connection and run the command again."
        )
    return total


def _write(partial: Path, data: bytes, mode: str) -> None:
    try:
        with partial.open(mode) as file:
            file.write(data)
    except OSError as error:
        raise DownloadError(
            f"{partial} cannot be written: {error.strerror}. What has come is kept; make room and run the command "
            "again, or choose a folder on another disk."
        ) from error


def _answer(request: Request, have: int) -> HTTPResponse | None:
    """The server's answer, or None if the bytes that are there are the whole file already."""
    try:
        return cast(HTTPResponse, urlopen(request, timeout=TIMEOUT))
    except HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
            return None
        answer = f"{error.code} {error.reason}"
        if error.code >= 500 or error.code in PASSING:
            raise _CutError(f"the server answers {answer}") from error
        raise DownloadError(
            f"{request.full_url} cannot be fetched: the server answers {answer}. The file may have moved; see whether "
            "there is a newer biasgan."
        ) from error
    except (OSError, HTTPException) as error:
        raise _CutError(_reason(error)) from error


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read(BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _CutError(_reason(error)) from error


def _reason(error: OSError | HTTPException) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return f"{(cause.strerror if isinstance(cause, OSError) else None) or cause or type(cause).__name__}"


def _version(response: HTTPResponse) -> str:
    """What tells one content of an address from the next; empty if the server does not say."""
    tag = response.headers.get("ETag", "W/")
    return tag if not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
