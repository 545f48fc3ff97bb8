import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple, TypeAlias, cast

from biasgan.io.download import DownloadError, alone, byte_progress, download, require_room, verify
from biasgan.io.files import atomic_write, remove_abandoned

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError)


class ArchiveError(ValueError):
    """An archive that is damaged or not safe to unpack; the message names it and the reason."""


@dataclass(frozen=True)
class Archive:
    """A published zip or tar file.

    Attributes:
        address: Where it is published; ends with its name.
        inside: The folder in it that is wanted.
        checksum: As for `download`.
        size: In bytes, if known.
    """

    address: str
    inside: str
    checksum: str
    size: int | None = None

    @property
    def name(self) -> str:
        """Last part of the address, by which the file is called."""
        return PurePosixPath(self.address).name


def fetch(archive: Archive, folder: Path) -> None:
    """Make a folder from a published archive, whole or not at all; a folder that is there is left alone.

    May be stopped at any moment and goes on there the next time. Of several processes one works and the others wait.
    An archive that lies beside the folder already is used and kept.

    Raises:
        DownloadError: If the archive cannot be fetched or is not the expected one, or the disk is full.
        ArchiveError: If it cannot be unpacked.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    given = folder.with_name(archive.name)
    with alone(folder.with_name(f".{folder.name}.lock")):
        if folder.exists():
            return
        if given.exists():
            verify(given, archive.checksum)
            unpack(given, archive.inside, folder)
            return
        file = folder.with_name(f".{archive.name}")
        try:
            download(archive.address, file, archive.checksum, archive.size)
        except DownloadError as error:
            raise DownloadError(
                f"{error} Or get {archive.name} by other means and put it at {given}, or its images into {folder}."
            ) from error
        unpack(file, archive.inside, folder)
        file.unlink()


def unpack(file: Path, inside: str, folder: Path) -> None:
    """Unpack one folder of an archive into a folder that appears when it is whole.

    If stopped it goes on with the next file. Only one process at a time may unpack into a folder.

    Args:
        file: A zip file by its name, otherwise a tar file, compressed or not.
        inside: The folder in the archive that is wanted; everything else is left out.
        folder: The folder to make.

    Raises:
        ArchiveError: If the archive is damaged, has names that lead outside, has links among the wanted files, or has
            none of them. Nothing is then written outside of `folder`'s unfinished twin.
        DownloadError: If the disk is too full.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    try:
        with _members(file) as members, byte_progress() as progress:
            wanted = _wanted(file, members, inside)
            remove_abandoned(unfinished, seconds=0)
            missing = [member for name, member in wanted.items() if not (unfinished / name).exists()]
            require_room(folder.parent, sum(member.size for member in missing))
            total = sum(member.size for member in wanted.values())
            task = progress.add_task(f"unpacking {folder.name}", total=total)
            for name, member in wanted.items():
                target = unfinished / name
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with atomic_write(target) as temporary, member.open() as source, temporary.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
                progress.advance(task, member.size)
    except DAMAGE as error:
        raise ArchiveError(f"{file} cannot be unpacked: {error}. Delete it and run the command again.") from error
    unfinished.rename(folder)


Opener: TypeAlias = Callable[[], IO[bytes]]


class _Member(NamedTuple):
    name: str
    size: int
    is_file: bool
    open: Opener


@contextmanager
def _members(file: Path) -> Generator[list[_Member]]:
    """Everything in a zip or tar file but folders."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            yield [
                _Member(member.filename, member.file_size, _is_file(member), partial(archive.open, member))
                for member in archive.infolist()
                if not member.is_dir()
            ]
    else:
        with tarfile.open(file) as archive:
            yield [
                _Member(member.name, member.size, member.isreg(), cast(Opener, partial(archive.extractfile, member)))
                for member in archive
                if not member.isdir()
            ]


def _is_file(member: zipfile.ZipInfo) -> bool:
    # Only zip files made on Unix tell the kind.
    return stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG)


def _wanted(file: Path, members: list[_Member], inside: str) -> dict[PurePosixPath, _Member]:
    """The wanted files by their names within the wanted folder.

    Raises:
        ArchiveError: As `unpack`.
    """
    wanted: dict[PurePosixPath, _Member] = {}
    for member in members:
        # Windows' rules hold all those of other systems.
        if PureWindowsPath(member.name).anchor or ".." in PureWindowsPath(member.name).parts:
            raise ArchiveError(f"{file} is not safe to unpack: {member.name} leads out of the folder. Delete it.")
        path = PurePosixPath(member.name)
        if not path.is_relative_to(inside):
            continue
        if not member.is_file:
            raise ArchiveError(f"{file} is not safe to unpack: {member.name} is a link or a device. Delete it.")
        wanted[path.relative_to(inside)] = member
    if not wanted:
        raise ArchiveError(f"{file} has no files in a folder {inside}; is it the right archive?")
    return wanted
