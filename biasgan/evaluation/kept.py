"""What is kept of each image in a file of its own, so that an interrupted evaluation goes on where it was."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors import SafetensorError, safe_open
from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor

from biasgan.io.checksums import sha256
from biasgan.io.files import atomic_write
from biasgan.io.images import ImageError, read_image

NOTE = "biasgan"
"""Keyword of the PNG's text."""


@dataclass(frozen=True)
class Note:
    """What a restored picture says about itself, as text in its PNG.

    Attributes:
        made_of: Hash of all that it depends on.
        pixels: Hash of its pixels.
        seconds: That restoring took.
        device: That it took them on.
    """

    made_of: str
    pixels: str
    seconds: float
    device: str


def write_kept(path: Path, pixels: np.ndarray, made_of: str, seconds: float, device: str) -> None:
    """Write a restored picture, (H, W, 3) uint8, whole or not at all."""
    text = PngInfo()
    text.add_text(NOTE, json.dumps(asdict(Note(made_of, digest(pixels), seconds, device))))
    with atomic_write(path) as temporary:
        # Fast, since thousands of megapixels are written; the files are a tenth larger.
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=text, compress_level=1)


def read_kept(path: Path, made_of: str) -> tuple[np.ndarray, Note] | None:
    """Read a restored picture; None if there is none, or it was made of something else, or is damaged."""
    if not path.is_file():
        return None
    try:
        with Image.open(path) as picture:
            note = Note(**json.loads(str(picture.info[NOTE])))
        if note.made_of != made_of:
            return None
        pixels = read_image(path)
    except (ImageError, OSError, KeyError, TypeError, ValueError):
        return None
    return (pixels, note) if digest(pixels) == note.pixels else None


def digest(pixels: np.ndarray) -> str:
    """Hash of pixels and their shape."""
    return sha256(str(pixels.shape).encode(), np.ascontiguousarray(pixels).data)


@dataclass(frozen=True)
class Measurement:
    """What was measured on one image.

    Attributes:
        values: What was measured, by name.
        note: What it was measured on and with, in words: `of` says what the values depend on.
    """

    values: Mapping[str, Tensor]
    note: Mapping[str, str]

    def write(self, path: Path) -> None:
        """Write it whole or not at all."""
        content = save({name: value.cpu().contiguous() for name, value in self.values.items()}, dict(self.note))
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)

    @classmethod
    def read(cls, path: Path) -> "Measurement | None":
        """Read one; None if there is none, or it is damaged."""
        try:
            with cast(Any, safe_open(path, framework="pt")) as file:
                return cls({name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {})  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None
