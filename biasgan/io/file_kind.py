"""What a file is that is taken for one of weights and is none."""

import zipfile
from pathlib import Path

HEAD = 512
BEGINNINGS = (
    ((b"version https://git-lfs",), "is a pointer of Git LFS, not the file itself; run git lfs pull where it lies"),
    ((b"<!doctype", b"<html", b"<head", b"<?xml"), "is a web page; fetch the file itself instead of its page"),
    ((b"\x1f\x8b", b"\xfd7zxz", b"bzh", b"rar!"), "is a compressed archive; unpack it"),
    ((b"\x89hdf",), "is HDF5, as Keras writes it; weights of PyTorch are needed"),
)
"""How files begin, in small letters, and what they are then."""
ONNX = (b"\x08", b"\x12\x1a\x22\x2a\x3a\x42")
"""The first byte of an ONNX file and those that the third may be: its version, and the field after it."""
OF_TORCH = (b"PK\x03\x04", b"\x80\x02")
"""How files of `torch.save` begin."""


def other_kind(path: Path) -> str | None:
    """What a file is, in words, if it is something else than weights and that shows."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "is empty"
    for beginnings, what in BEGINNINGS:
        if head.lstrip().lower().startswith(beginnings):
            return what
    if head[:1] == ONNX[0] and head[2:3] and head[2:3] in ONNX[1]:
        return "is a graph of ONNX; the weights that it was exported from are needed"
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = [name.rpartition("/")[2] for name in archive.namelist()]
    if "constants.pkl" in names:
        return (
            "is a program of TorchScript; save its weights with "
            f"torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
        )
    if "data.pkl" not in names:
        return f"is an archive of other files: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
    return None


def is_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors by its content or, where that shows nothing, by its name."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" or (path.suffix.lower() == ".safetensors" and not head.startswith(OF_TORCH))
