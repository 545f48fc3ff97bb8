import hashlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from biasgan.io import download as module
from biasgan.io.download import DownloadError, download, require_room, verify

from .faulty_server import FaultyServer, faulty_server

CONTENT = random.Random(1).randbytes(2_000_000)
OTHER = random.Random(2).randbytes(2_000_000)
ROOT = Path(__file__).parents[2]


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with faulty_server() as server:
        server.files["/set.zip"] = CONTENT
        yield server


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(module, "BLOCK", 2**14)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sets" / "set.zip"


@pytest.fixture
def get(server: FaultyServer, path: Path) -> Callable[..., None]:
    """Downloads the server's file."""

    def run(content: bytes = CONTENT, size: int | None = None) -> None:
        download(server.address("/set.zip"), path, sha256(content), size)

    return run


def part(path: Path) -> Path:
    return path.with_name("set.zip.part")


def files_beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} - {"set.zip.lock"}


def start(server: FaultyServer, path: Path) -> subprocess.Popen[str]:
    """A process of its own that downloads the file."""
    code = (
        "from pathlib import Path; from biasgan.io import download; download.BLOCK = 2**14; "
        f"download.download({server.address('/set.zip')!r}, Path({str(path)!r}), {sha256(CONTENT)!r})"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=-1, stderr=subprocess.STDOUT, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until a process has come so far; the suite's limit ends it otherwise."""
    while not condition():
        time.sleep(0.01)


def test_a_file_comes_whole(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    get(size=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert files_beside(path) == {"set.zip"}
    assert server.served == len(CONTENT)


def test_other_algorithms_and_redirects(server: FaultyServer, path: Path) -> None:
    server.moved["/old.zip"] = "/set.zip"
    server.cuts = [500_000]
    download(server.address("/old.zip"), path, f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert path.read_bytes() == CONTENT
    assert server.served == len(CONTENT)


def test_a_file_that_is_there_is_only_checked(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    get()
    get()
    assert len(server.asked) == 1
    path.write_bytes(OTHER)
    with pytest.raises(DownloadError, match=rf"set\.zip is damaged or another file: {sha256(OTHER)} instead of"):
        get()
    assert path.read_bytes() == OTHER
    path.unlink()
    get()
    verify(path, sha256(CONTENT))


@pytest.mark.parametrize("digits", [0, 8])
def test_a_checksum_may_be_known_in_part(server: FaultyServer, path: Path, digits: int) -> None:
    known = sha256(CONTENT)[: len("sha256:") + digits]
    download(server.address("/set.zip"), path, known)
    verify(path, known)
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.files["/set.zip"] = OTHER
    if digits:
        with pytest.raises(DownloadError, match=f"gave other bytes than expected: {sha256(OTHER)} instead of {known}"):
            download(server.address("/set.zip"), path, known)
        assert not path.exists()


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"Last-Modified": "Tue, 14 Feb 2017 14:27:11 GMT"}])
def test_after_cuts_only_the_rest_is_fetched(
    server: FaultyServer, path: Path, get: Callable[..., None], headers: dict[str, str], resets: bool
) -> None:
    server.headers = headers
    server.cuts = [700_000, 300_000, 0, 0, 500_000]
    server.resets = resets
    get()
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == 6
    assert server.asked[0] == ""
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.asked[1:]]
    if not resets:
        # A reset may destroy what is on its way.
        assert starts == [700_000, 1_000_000, 1_000_000, 1_000_000, 1_500_000]
        assert server.served == len(CONTENT)


def test_without_ranges_it_comes_anew(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.ranges = False
    server.cuts = [700_000]
    get()
    assert path.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=700000-"]
    assert server.served == 700_000 + len(CONTENT)


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}])
def test_without_a_way_to_tell_versions_it_comes_anew(
    server: FaultyServer, path: Path, get: Callable[..., None], headers: dict[str, str]
) -> None:
    server.headers = headers
    server.cuts = [700_000]
    get()
    assert path.read_bytes() == CONTENT
    assert server.asked == ["", ""]


def test_two_versions_are_not_glued(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.cuts = [700_000, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    server.files["/set.zip"] = OTHER
    server.headers = {"ETag": '"2"'}
    server.cuts = [900_000]
    get(OTHER)
    assert path.read_bytes() == OTHER
    assert server.asked[-2:] == ["bytes=700000-", "bytes=900000-"]
    assert server.served == 700_000 + len(OTHER)


def test_it_gives_up_and_goes_on_in_the_next_call(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.cuts = [700_000, 0, 0, 0]
    with pytest.raises(
        DownloadError,
        match=r"could not be fetched: the connection was cut after 700000 of 2000000 bytes\. What has come, 700\.0 kB, "
        r"is kept\. Check the connection and run the command again",
    ):
        get()
    assert not server.cuts
    assert part(path).read_bytes() == CONTENT[:700_000]
    server.served = 0
    get()
    assert path.read_bytes() == CONTENT
    assert server.served == len(CONTENT) - 700_000
    assert files_beside(path) == {"set.zip"}


def test_cuts_at_the_same_place_end(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.ranges = False
    server.cuts = [700_000] * 100
    with pytest.raises(DownloadError, match="cut after 700000"):
        get()
    assert len(server.asked) == 4


def test_an_answer_with_another_part_is_not_taken(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    get()
    path.rename(part(path))
    part(path).write_bytes(CONTENT[:5])
    part(path).with_name("set.zip.part.version").write_text('"1"')
    server.statuses = [206]
    get()
    assert path.read_bytes() == CONTENT
    assert server.asked[1:] == ["bytes=5-", ""]


def test_passing_troubles_of_a_server(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.statuses = [503, 429, 500]
    get()
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.statuses = [503] * 100
    with pytest.raises(DownloadError, match=r"could not be fetched: the server answers 503 Service Unavailable\."):
        get()
    assert len(server.asked) == 8


@pytest.mark.parametrize(("status", "reason"), [(403, "Forbidden"), (404, "Not Found"), (410, "Gone")])
def test_final_refusals(server: FaultyServer, path: Path, get: Callable[..., None], status: int, reason: str) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError, match=rf"set\.zip cannot be fetched: the server answers {status} {reason}\. The"):
        get()
    assert len(server.asked) == 1


def test_servers_that_are_not_there(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{port}/a\.zip could not be fetched: Connection refused"):
        download(f"http://127.0.0.1:{port}/a.zip", path, sha256(CONTENT))


def test_servers_that_fall_silent(
    server: FaultyServer, path: Path, get: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    server.holds = [40_960, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"could not be fetched: timed out\. What has come, .* kB, is kept"):
        get()
    assert not server.holds
    assert part(path).stat().st_size > 0


def test_wrong_bytes_are_removed(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.files["/set.zip"] = OTHER
    with pytest.raises(
        DownloadError,
        match=rf"gave other bytes than expected: {sha256(OTHER)} instead of {sha256(CONTENT)}\. They are removed; run",
    ):
        get(size=len(CONTENT))
    assert not path.exists()
    assert not part(path).exists()
    server.files["/set.zip"] = CONTENT
    get()
    assert path.read_bytes() == CONTENT
    assert server.asked == ["", ""]


def test_another_size_is_refused_before_it_comes(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.files["/set.zip"] = b"<html>Please log in"
    with pytest.raises(DownloadError, match=r"set\.zip has 19 bytes instead of 2000000: the file has changed at its"):
        get(size=len(CONTENT))
    assert len(server.asked) == 1
    assert not part(path).exists()


def test_bytes_without_end_are_cut_off(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.length = ""
    server.files["/set.zip"] = CONTENT * 10
    server.holds = [len(CONTENT) + 10**5]
    with pytest.raises(DownloadError, match="sends more than the 2000000 bytes expected"):
        get(size=len(CONTENT))
    assert not part(path).exists()


def test_a_size_that_only_we_know_shows_a_cut(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.length = ""
    server.cuts = [700_000]
    get(size=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert server.served == len(CONTENT)


def test_without_any_size_the_checksum_shows_a_cut(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.length = ""
    server.cuts = [700_000]
    with pytest.raises(DownloadError, match="other bytes than expected"):
        get()
    get()
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_process_is_gone_on_with(
    server: FaultyServer, path: Path, get: Callable[..., None], signal_number: signal.Signals
) -> None:
    server.holds = [700_000]
    process = start(server, path)
    wait_for(lambda: part(path).exists() and part(path).stat().st_size > 500_000)
    process.send_signal(signal_number)
    process.communicate()
    assert process.returncode != 0
    come = part(path).stat().st_size
    assert CONTENT.startswith(part(path).read_bytes())
    server.served = 0
    get()
    assert path.read_bytes() == CONTENT
    assert server.asked == ["", f"bytes={come}-"]
    assert server.served == len(CONTENT) - come


def test_stopped_after_the_last_byte(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.cuts = [700_000, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    part(path).write_bytes(CONTENT)
    server.served = 0
    get()
    assert path.read_bytes() == CONTENT
    assert server.served == 0


def test_two_processes_at_once(server: FaultyServer, path: Path) -> None:
    server.holds = [700_000]
    first = start(server, path)
    wait_for(lambda: part(path).exists())
    second = start(server, path)
    assert second.stdout is not None
    assert second.stdout.readline().startswith(f"Another process holds {path}.lock; waiting for it.")
    server.release.set()
    outputs = [process.communicate()[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert path.read_bytes() == CONTENT
    assert server.served == len(CONTENT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's device that is always full")
def test_a_full_disk(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    path.parent.mkdir()
    part(path).symlink_to("/dev/full")
    with pytest.raises(
        DownloadError, match=r"set\.zip\.part cannot be written: No space left on device\. What has come is kept; make"
    ):
        get()
    assert len(server.asked) == 1


def test_a_disk_that_would_become_full(server: FaultyServer, path: Path, get: Callable[..., None]) -> None:
    server.length = str(10**16)
    with pytest.raises(DownloadError, match=r"The disk is too full: 10\.0 PB are to be written in .*, and .* are free"):
        get()
    assert not part(path).exists()
    require_room(path.parent, shutil.disk_usage(path.parent).free // 2)


def test_a_folder_that_is_not_ours(tmp_path: Path, server: FaultyServer) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        download(server.address("/set.zip"), tmp_path / "file" / "set.zip", sha256(CONTENT))
    assert not server.asked
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
