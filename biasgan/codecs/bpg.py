"""BPG, a still picture of HEVC: `python -m biasgan.codecs.bpg encode IN.png OUT.bpg --qp 37`.

Source: BPG specification 0.9.8 (Bellard, https://bellard.org/bpg).
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import ModuleType
from typing import ClassVar, Literal

import numpy as np

from biasgan.codecs import bpg_container, bpg_libbpg
from biasgan.codecs.bpg_container import Chroma
from biasgan.codecs.bpg_libbpg import Encoder
from biasgan.codecs.codec import Codec, CodecError, Coded
from biasgan.io.containers.split import split
from biasgan.io.files import atomic_write
from biasgan.io.images import open_picture, read_image, write_png

Backend = Literal["auto", "pyav", "libbpg"]
NEEDED = ("av", "numba")
LEVELS = range(1, 10)
CHROMAS = ("4:2:0", "4:4:4")


class BPG(Codec):
    """BPG of 8 bits in full-range BT.601, as the field makes it: `bpgenc -b 8 -c ycbcr -f 420 -q QP -m 8`.

    Equal QP is not equal quality between encoders. At the same QP, PyAV's x265 spends 8 % more bytes than the older
    one within bpgenc on nine of its files, for 0.36 dB more; and for still pictures x265 takes 3 off the QP, JCT-VC,
    bpgenc's other encoder, nothing. So the encoder is part of the identity.

    Args:
        chroma: Sampling of the chroma planes.
        level: Effort of the encoder, 1 (fast) to 9 (slow). With x265 it is the preset, 8 being veryslow.
        backend: `pyav` needs no program; `libbpg` calls bpgenc and bpgdec, which must be on the PATH; `auto` is libbpg
            where PyAV or Numba is not installed and bpgenc is there, else pyav.
        encoder: `jctvc` is within bpgenc alone.

    Raises:
        ValueError: If an option is not among its choices, or the backend has no such encoder.
        ImportError: If PyAV or Numba is not installed, or this PyAV has no x265.
        FileNotFoundError: If bpgenc or bpgdec is not on the PATH.

    Examples:
        >>> import numpy as np
        >>> from biasgan import BPG
        >>> BPG().encode(np.zeros((8, 16, 3), np.uint8), 37).image.shape
        (8, 16, 3)
    """

    name: ClassVar[str] = "bpg"
    extension: ClassVar[str] = "bpg"
    quality_option: ClassVar[str] = "qp"
    lowest_quality: ClassVar[int] = 0
    highest_quality: ClassVar[int] = 51
    larger_is_better: ClassVar[bool] = False
    usual_quality: ClassVar[int] = 37

    def __init__(
        self,
        chroma: Literal["4:2:0", "4:4:4"] = "4:2:0",
        level: int = 8,
        backend: Backend = "auto",
        encoder: Encoder = "x265",
    ) -> None:
        for option, value, choices in (
            ("chroma", chroma, CHROMAS),
            ("level", level, LEVELS),
            ("backend", backend, ("auto", "pyav", "libbpg")),
            ("encoder", encoder, ("x265", "jctvc")),
        ):
            if value not in choices:
                raise ValueError(f"codec.{option} must be one of {', '.join(map(str, choices))}; got {value!r}.")
        if backend == "auto":
            installed = all(map(find_spec, NEEDED))
            backend = "libbpg" if encoder == "jctvc" or (not installed and which("bpgenc")) else "pyav"
        if backend == "pyav" and encoder == "jctvc":
            raise ValueError("codec.encoder=jctvc is within bpgenc alone; set codec.backend=libbpg.")
        self.chroma: Chroma = chroma
        self.level = level
        self.backend = backend
        self.encoder: Encoder = encoder
        _ = self.identity  # fails now, and not at the first image, where something is missing

    @property
    def identity(self) -> dict[str, str | int]:
        """Backend, chroma, and releases and effort of encoder and decoder."""
        if self.backend == "libbpg":
            coders = bpg_libbpg.identity(self.level, self.encoder)
        else:
            coders = pyav(encodes=True).identity(self.level)
        return {"codec": self.name, "backend": self.backend, "chroma": self.chroma, **coders}

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image, (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If the quality is not a whole number from 0 to 51.
            CodecError: If the image is of another type or shape, or the encoder cannot take it.
        """
        self.check_quality(quality)
        self.check_image(image)
        if self.backend == "libbpg":
            data = bpg_libbpg.encode(image, quality, self.chroma, self.level, self.encoder)
        else:
            data = encode(image, quality, self.chroma, self.level)
        return Coded(self.decode(data), data)

    def decode(self, data: bytes, most_pixels: int = Codec.most_pixels) -> np.ndarray:
        """Decode a BPG file to (H, W, 3) uint8 RGB; EXIF and colour profiles are for others.

        Damaged slices mostly decode to wrong pixels and no error, here as in bpgdec: BPG has no checksum.

        Args:
            data: The file.
            most_pixels: As `biasgan.codecs.bpg.decode`.

        Raises:
            CodecError: As `biasgan.codecs.bpg.decode`.
        """
        return bpg_libbpg.decode(data) if self.backend == "libbpg" else decode(data, most_pixels)


def encode(image: np.ndarray, qp: int, chroma: Chroma = "4:2:0", level: int = 8) -> bytes:
    """Encode pixels as a BPG file with PyAV's x265.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey, which becomes a grey file whatever the chroma.
        qp: Quantisation parameter, 0 (best) to 51, as bpgenc's `-q`.
        chroma: Sampling of the chroma planes, `4:2:0` or `4:4:4`.
        level: Effort, 1 to 9, as bpgenc's `-m`.

    Raises:
        ValueError: If a number is out of its range.
        CodecError: If the image is of another type or shape, or of too many pixels.
        ImportError: If PyAV or Numba is not installed, or this PyAV has no x265.
    """
    BPG.check_quality(qp)
    if level not in LEVELS:
        raise ValueError(f"level must be from 1 to 9; got {level!r}.")
    grey = image.ndim == 2
    BPG.check_image(np.broadcast_to(image[..., np.newaxis], (*image.shape, 3)) if grey else image)
    return pyav(encodes=True).encode(image, qp, "grey" if grey else chroma, level)


def decode(data: bytes, most_pixels: int = Codec.most_pixels) -> np.ndarray:
    """Decode a BPG file with FFmpeg's HEVC decoder, pixel for pixel as bpgdec does.

    Args:
        data: The file.
        most_pixels: A larger picture is refused.

    Returns:
        (H, W, 3) uint8 RGB, three equal channels of a grey file.

    Raises:
        CodecError: If it is damaged so that it shows, no BPG file, of too many pixels, or has what is not supported:
            alpha, animation, more than 8 bits, limited range, other colour spaces than BT.601.
        ImportError: If PyAV or Numba is not installed.
    """
    try:
        picture = bpg_container.read(data)
    except ValueError as error:
        raise CodecError(f"bpg cannot decode {len(data)} bytes: {error}.") from error
    BPG.check_size(picture.width, picture.height, most_pixels)
    return pyav(encodes=False).decode(picture)


def pyav(encodes: bool) -> ModuleType:
    """The part that needs PyAV and Numba, which are imported only now.

    Args:
        encodes: Whether it is asked to encode.

    Raises:
        ImportError: If one of them is not installed, or this PyAV cannot encode; says what to install.
    """
    try:
        from biasgan.codecs import bpg_pyav
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        raise ImportError(
            f"BPG needs {error.name}, which is not installed: pip install 'biasgan[bpg]'. Or put bpgenc and bpgdec "
            "on the PATH and set codec.backend=libbpg."
        ) from error
    if encodes and not bpg_pyav.can_encode():
        raise ImportError(
            "This PyAV has no libx265, so it cannot encode BPG: pip install --force-reinstall --only-binary av av. Or "
            "put bpgenc and bpgdec on the PATH and set codec.backend=libbpg."
        )
    return bpg_pyav


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert files from the command line."""
    parser = argparse.ArgumentParser("biasgan.codecs.bpg", description="Convert between BPG and other images.")
    commands = parser.add_subparsers(dest="command", required=True)
    to_bpg = commands.add_parser("encode", help="compress an image that Pillow opens to BPG; grey ones stay grey")
    to_bpg.add_argument("image", type=Path)
    to_bpg.add_argument("bpg", type=Path)
    to_bpg.add_argument("--qp", type=int, default=BPG.usual_quality, help="0 (best) to 51; default: %(default)s")
    to_bpg.add_argument("--chroma", choices=CHROMAS, default="4:2:0", help="default: %(default)s")
    to_bpg.add_argument("--level", type=int, default=8, help="effort, 1 (fast) to 9 (slow); default: %(default)s")
    from_bpg = commands.add_parser("decode", help="decompress BPG to PNG")
    from_bpg.add_argument("bpg", type=Path)
    from_bpg.add_argument("png", type=Path)
    given = parser.parse_args(arguments)
    try:
        if given.command == "encode":
            image = read_image(given.image)
            data = encode(image[..., 0] if is_grey(given.image) else image, given.qp, given.chroma, given.level)
            with atomic_write(given.bpg) as temporary:
                temporary.write_bytes(data)
        else:
            write_png(given.png, decode(given.bpg.read_bytes()))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")


def is_grey(path: Path) -> bool:
    """Whether an image file has one channel."""
    with open_picture(split(path.read_bytes())[0]) as picture:
        return len(picture.getbands()) == 1 and picture.mode != "P"


if __name__ == "__main__":
    main()
