import errno
import os
import time
from pathlib import Path

import pytest

from biasgan.io.files import atomic_write, readable, remove_abandoned


def test_a_file_takes_its_place_whole(tmp_path: Path) -> None:
    file = tmp_path / "figure.png"
    file.write_text("old")
    with atomic_write(file) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "x" * 255, "x." + "y" * 253, "\udcff.png"])
def test_every_name_that_a_file_can_have_serves(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert (tmp_path / name).read_text() == "new"


def test_names_that_are_no_utf8_become_text() -> None:
    assert readable(os.fsdecode(b"caf\xe9-\xc3\xa9")) == "caf\\xe9-\xe9"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, OSError])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    file = tmp_path / "figure.png"
    file.write_text("old")

    def write() -> None:
        with atomic_write(file) as temporary:
            temporary.write_text("half of the n")
            raise failure

    with pytest.raises(failure):
        write()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failing_sync_counts_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError("lost")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="lost"), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_only_old_temporary_files_are_abandoned(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    kept = tmp_path / "deep" / "a.npy"
    kept.write_text("whole")
    with atomic_write(kept) as young:
        young.write_text("at work")
        old = young.with_name(f"{young.stem}b.npy")
        old.write_text("killed")
        for file in (old, kept):
            os.utime(file, (time.time() - 10**5, time.time() - 10**5))
        remove_abandoned(tmp_path)
        assert young.exists()
        assert not old.exists()
        assert kept.exists()
    remove_abandoned(tmp_path / "missing")


def test_subfolders_are_left_alone_if_so_wished(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for place in (tmp_path, tmp_path / "deep"):
        (place / ".partial-1-a.npy").touch()
    remove_abandoned(tmp_path, seconds=0, deep=False)
    assert [file.name for file in tmp_path.iterdir()] == ["deep"]
    remove_abandoned(tmp_path, seconds=0)
    assert not list((tmp_path / "deep").iterdir())


def test_a_write_that_fails_names_the_file(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"), atomic_write(tmp_path / "a.txt"):
        raise full
