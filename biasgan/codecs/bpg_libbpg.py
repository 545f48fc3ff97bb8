"""BPG through libbpg's own programs, bpgenc and bpgdec."""

import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from biasgan.codecs.bpg_container import Chroma
from biasgan.codecs.codec import CodecError
from biasgan.io.images import ImageError, read_image, write_png

Encoder = Literal["x265", "jctvc"]
FORMATS: dict[Chroma, str] = {"4:2:0": "420", "4:4:4": "444", "grey": "420"}
"""Names of bpgenc's; it makes a grey file of a grey picture by itself."""


def program(name: str) -> str:
    """Path of a program.

    Raises:
        FileNotFoundError: If it is not on the PATH; says what to do.
    """
    path = shutil.which(name)
    if not path:
        raise FileNotFoundError(
            f"{name} is not on the PATH. Build libbpg (https://bellard.org/bpg) and add it to the PATH, or set "
            "codec.backend=pyav, which needs no program."
        )
    return path


@lru_cache
def version(path: str) -> str:
    """What bpgenc or bpgdec says of its release when it is called without arguments."""
    done = subprocess.run([path], capture_output=True, text=True, errors="replace", check=False)
    found = re.search(r"version\s+(\S+)", done.stdout + done.stderr)
    return found[1] if found else "of unknown version"


def identity(level: int, encoder: Encoder) -> dict[str, str | int]:
    """Releases of both programs, and the encoder within bpgenc."""
    return {
        "encoder": f"bpgenc {version(program('bpgenc'))} {encoder}",
        "level": level,
        "decoder": f"bpgdec {version(program('bpgdec'))}",
    }


def encode(image: np.ndarray, qp: int, chroma: Chroma, level: int, encoder: Encoder) -> bytes:
    """Encode (H, W, 3) or, for grey chroma, (H, W) uint8 pixels as a BPG file.

    Raises:
        CodecError: If bpgenc cannot encode them; its x265 crashes where a side is shorter than about 30 pixels.
        FileNotFoundError: If bpgenc is not on the PATH.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "image.png"), Path(folder, "image.bpg")
        write_png(source, image)
        options = ["-q", f"{qp}", "-f", FORMATS[chroma], "-c", "ycbcr", "-b", "8", "-e", encoder, "-m", f"{level}"]
        call([program("bpgenc"), *options, "-o", f"{target}", f"{source}"], target)
        return target.read_bytes()


def decode(data: bytes) -> np.ndarray:
    """Decode a BPG file to (H, W, 3) uint8 RGB.

    Raises:
        CodecError: If bpgdec cannot decode it.
        FileNotFoundError: If bpgdec is not on the PATH.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "image.bpg"), Path(folder, "image.png")
        source.write_bytes(data)
        call([program("bpgdec"), "-o", f"{target}", f"{source}"], target)
        try:
            return read_image(target)
        except ImageError as error:
            raise CodecError(f"bpgdec wrote no whole picture: {error}") from error


def call(command: list[str], target: Path) -> None:
    """Run a program that is to make a file.

    Raises:
        CodecError: If it fails; names how it ended and the last line that it printed.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not target.is_file():
        ended = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        said = (done.stdout + done.stderr).strip().splitlines()
        raise CodecError(f"{Path(command[0]).name} {ended}: {said[-1] if said else 'it printed nothing'}")
