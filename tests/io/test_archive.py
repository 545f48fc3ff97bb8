import hashlib
import io
import random
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from biasgan.io.archive import Archive, ArchiveError, fetch, unpack
from biasgan.io.download import DownloadError

from .faulty_server import FaultyServer, faulty_server

IMAGES = {f"{number:04}.png": random.Random(number).randbytes(30_000) for number in range(1, 21)}
ROOT = Path(__file__).parents[2]


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def tarred(file: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.name = name
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                archive.addfile(member)
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def link(kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, target
    return member


MEMBERS = {**{f"set/HR/{name}": image for name, image in IMAGES.items()}, "set/LR/0001x2.png": b"small", "note": b"n"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_the_wanted_folder_is_unpacked_and_nothing_else(tmp_path: Path, name: str) -> None:
    file = (zipped if name.endswith("zip") else tarred)(tmp_path / name, {**MEMBERS, "set/HR/deep/er.txt": b"deep"})
    unpack(file, "set/HR", tmp_path / "made")
    assert contents(tmp_path / "made") == {**IMAGES, "deep/er.txt": b"deep"}
    assert {entry.name for entry in tmp_path.iterdir()} == {name, "made"}


def test_folders_and_leading_dots_do_not_matter(tmp_path: Path) -> None:
    folder = tarfile.TarInfo()
    folder.type = tarfile.DIRTYPE
    unpack(tarred(tmp_path / "a.tar", {"./set": folder, "./set/a.txt": b"a"}), "set", tmp_path / "tar")
    unpack(zipped(tmp_path / "a.zip", {"set/": b"", "set/a.txt": b"a"}), "set", tmp_path / "zip")
    assert contents(tmp_path / "tar") == contents(tmp_path / "zip") == {"a.txt": b"a"}


@pytest.mark.parametrize(
    "name",
    ["../evil", "set/../../evil", "/tmp/evil", "set/..\\..\\evil", "C:\\evil", "\\\\host\\share\\evil", "C:evil"],
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_names_that_lead_outside(tmp_path: Path, name: str, make: Callable[..., Path]) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    file = make(inner / ("a.zip" if make is zipped else "a.tar"), {"set/good.png": b"good", name: b"evil"})
    with pytest.raises(ArchiveError, match=r"a\.(zip|tar) is not safe to unpack: .*evil leads out of the folder"):
        unpack(file, "set", inner / "made")
    assert contents(tmp_path) == {f"inner/{file.name}": file.read_bytes()}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    file = tarred(tmp_path / "a.tar", {"set/link": link(kind, str(outside)), "set/link/evil": b"evil"})
    with pytest.raises(ArchiveError, match=r"a\.tar is not safe to unpack: set/link is a link or a device\. Delete it"):
        unpack(file, "set", tmp_path / "made")
    assert not list(outside.iterdir())
    assert not (tmp_path / "made").exists()


def test_links_in_zip_files(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("set/link")
    member.create_system = 3
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc")
    with pytest.raises(ArchiveError, match="set/link is a link or a device"):
        unpack(tmp_path / "a.zip", "set", tmp_path / "made")


def test_links_elsewhere_in_an_archive_are_left_out(tmp_path: Path) -> None:
    unpack(
        tarred(tmp_path / "a.tar", {"latest": link(tarfile.SYMTYPE, "set"), "set/a": b"a"}), "set", tmp_path / "made"
    )
    assert contents(tmp_path / "made") == {"a": b"a"}


def test_archives_that_cannot_be_unpacked(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", MEMBERS)
    damaged = bytearray(whole.read_bytes())
    damaged[len(damaged) // 3] ^= 1
    whole.write_bytes(damaged)
    with pytest.raises(ArchiveError, match=r"a\.zip cannot be unpacked: Bad CRC-32 .*\. Delete it and run the command"):
        unpack(whole, "set/HR", tmp_path / "made")
    whole.write_bytes(damaged[:-100])
    with pytest.raises(ArchiveError, match=r"a\.zip cannot be unpacked: File is not a zip file\. Delete"):
        unpack(whole, "set/HR", tmp_path / "made")
    cut = tarred(tmp_path / "a.tar", {"set/HR/a": bytes(10**5)})
    cut.write_bytes(cut.read_bytes()[:50_000])
    with pytest.raises(ArchiveError, match=r"a\.tar cannot be unpacked: unexpected end of data\. Delete"):
        unpack(cut, "set/HR", tmp_path / "made")
    with pytest.raises(ArchiveError, match=r"a\.zip has no files in a folder set/high; is it the right archive\?"):
        unpack(zipped(tmp_path / "a.zip", MEMBERS), "set/high", tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_disk_that_would_become_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    file = zipped(tmp_path / "a.zip", MEMBERS)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(599_999))
    with pytest.raises(DownloadError, match=r"too full: 600\.0 kB are to be written in .*600\.0 kB are free"):
        unpack(file, "set/HR", tmp_path / "made")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(600_000))
    unpack(file, "set/HR", tmp_path / "made")


def test_a_process_killed_while_unpacking_is_gone_on_with(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", MEMBERS)
    code = (
        "import shutil, time; from pathlib import Path; from biasgan.io.archive import unpack\n"
        "copy, copied = shutil.copyfileobj, []\n"
        "def copy_three_and_a_half(source, sink):\n"
        "    if len(copied) == 3:\n"
        "        sink.write(source.read(15_000)), sink.flush(), time.sleep(3600)\n"
        "    copied.append(copy(source, sink))\n"
        "shutil.copyfileobj = copy_three_and_a_half\n"
        f"unpack(Path({str(file)!r}), 'set/HR', Path({str(tmp_path / 'made')!r}))"
    )
    unfinished = tmp_path / ".made.part"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    while sum(entry.stat().st_size for entry in unfinished.glob("*")) < 105_000:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "made").exists()
    assert len(list(unfinished.glob(".partial-*"))) == 1
    done = {file.name: file.stat().st_ino for file in unfinished.glob("0*.png")}
    assert sorted(done) == ["0001.png", "0002.png", "0003.png"]
    unpack(file, "set/HR", tmp_path / "made")
    assert contents(tmp_path / "made") == IMAGES
    assert {name: (tmp_path / "made" / name).stat().st_ino for name in done} == done
    assert not unfinished.exists()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with faulty_server() as server:
        yield server


@pytest.fixture
def archive(tmp_path: Path, server: FaultyServer) -> Archive:
    """Served, and described."""
    content = zipped(tmp_path / "served.zip", MEMBERS).read_bytes()
    server.files["/set.zip"] = content
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Archive(server.address("/set.zip"), inside="set/HR", checksum=checksum, size=len(content))


def test_a_folder_is_fetched_once(tmp_path: Path, server: FaultyServer, archive: Archive) -> None:
    folder = tmp_path / "sets" / "HR"
    fetch(archive, folder)
    fetch(archive, folder)
    assert contents(folder) == IMAGES
    assert len(server.asked) == 1
    assert {entry.name for entry in folder.parent.iterdir() if entry.suffix != ".lock"} == {"HR"}


def test_an_archive_that_lies_there_is_used_and_kept(tmp_path: Path, server: FaultyServer, archive: Archive) -> None:
    given = tmp_path / "set.zip"
    shutil.copy(tmp_path / "served.zip", given)
    fetch(archive, tmp_path / "HR")
    assert contents(tmp_path / "HR") == IMAGES
    assert given.exists()
    given.write_bytes(b"another")
    with pytest.raises(DownloadError, match=r"set\.zip is damaged or another file"):
        fetch(archive, tmp_path / "again")
    assert given.read_bytes() == b"another"
    assert not server.asked


def test_what_to_do_without_the_server(tmp_path: Path, server: FaultyServer, archive: Archive) -> None:
    server.files.clear()
    text = rf"404 Not Found\. .* Or get set\.zip by other means and put it at {tmp_path}/set\.zip, or its images into "
    with pytest.raises(DownloadError, match=text + rf"{tmp_path}/HR\."):
        fetch(archive, tmp_path / "HR")


def test_two_processes_fetch_once(tmp_path: Path, server: FaultyServer, archive: Archive) -> None:
    server.holds = [100_000]
    code = (
        "from pathlib import Path; from biasgan.io.archive import Archive, fetch; "
        f"fetch({archive!r}, Path({str(tmp_path / 'HR')!r}))"
    )
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    first = subprocess.Popen([sys.executable, "-c", code], **options)
    while not server.asked:
        time.sleep(0.01)
    second = subprocess.Popen([sys.executable, "-c", code], **options)
    assert second.stdout is not None
    assert "Another process holds" in second.stdout.readline()
    server.release.set()
    outputs = [process.communicate()[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert contents(tmp_path / "HR") == IMAGES
    assert server.served == archive.size
