import hashlib
import json
import os
from pathlib import Path

import pytest

from biasgan.data.pairs.digests import SourceDigests
from biasgan.io.images import ImageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture
def digests(tmp_path: Path) -> SourceDigests:
    return SourceDigests(tmp_path / "notes")


def test_a_hash_is_known_once_the_file_was_read(source: Path, digests: SourceDigests) -> None:
    assert digests.find(source) is None
    assert digests.read(source) == (b"some bytes", hashlib.sha256(b"some bytes").hexdigest())
    assert digests.find(source) == hashlib.sha256(b"some bytes").hexdigest()


def test_a_file_that_may_have_changed_is_unknown(source: Path, digests: SourceDigests) -> None:
    digests.read(source)
    os.utime(source)
    assert digests.find(source) is None
    digests.read(source)
    assert digests.find(source.rename(source.with_name("moved.png"))) is None


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", "nonsense", "[]", "3", "another"])
def test_a_damaged_note_is_worth_nothing(source: Path, digests: SourceDigests, text: str) -> None:
    other = source.with_name("other.png")
    other.write_bytes(b"other bytes")
    digests.read(other)
    note = digests.note(other).read_text()
    digests.read(source)
    digests.note(source).write_text(note if text == "another" else text)
    assert digests.find(source) is None
    digests.read(source)
    assert digests.find(source) == json.loads(digests.note(source).read_text())[-1]


def test_missing_files_and_folders_are_named(tmp_path: Path, digests: SourceDigests) -> None:
    for look in (digests.find, digests.read):
        with pytest.raises(ImageError, match=r"missing\.png cannot be read: No such file"):
            look(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        digests.read(tmp_path)
    assert not digests.folder.exists()
