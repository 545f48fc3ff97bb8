import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from biasgan.io.file_kind import is_safetensors, other_kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"\n <!DOCTYPE HTML><title>404", "is a web page"),
        (b"<html>", "is a web page"),
        (b"\x08\x07\x12\x07pytorch", "is a graph of ONNX"),
        (b"\x1f\x8b\x08", "is a compressed archive"),
        (b"\x89HDF\r\n", "is HDF5"),
    ],
)
def test_what_shows_at_the_beginning(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "some.pth").write_bytes(content)
    assert (other_kind(tmp_path / "some.pth") or "").startswith(kind)


@pytest.mark.parametrize("content", [b"\x80\x02garbage", b"no weights at all", bytes(100), b"PK\x03\x04 no archive"])
def test_what_does_not_show(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.pth").write_bytes(content)
    assert other_kind(tmp_path / "some.pth") is None


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (("a/data.pkl", "a/constants.pkl", "a/code/some.py"), "is a program of TorchScript; save its weights with"),
        (("a.npy", "b.npy"), "is an archive of other files: a.npy, b.npy"),
        (("a/data.pkl", "a/version"), ""),
    ],
)
def test_archives_say_what_is_in_them(tmp_path: Path, members: tuple[str, ...], kind: str) -> None:
    with zipfile.ZipFile(tmp_path / "some.pth", "w") as archive:
        for name in members:
            archive.writestr(name, "")
    assert (other_kind(tmp_path / "some.pth") or "").startswith(kind)


def test_safetensors_are_known_by_content_too(tmp_path: Path) -> None:
    for name in ("some.pth", "SOME.SAFETENSORS"):
        save_file({"a": torch.zeros(2)}, tmp_path / name)
        assert is_safetensors(tmp_path / name)
        assert other_kind(tmp_path / name) is None
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    assert not is_safetensors(tmp_path / "other.pth")
