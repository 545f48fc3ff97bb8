"""What damaged files are given to, and the files before they are damaged."""

import io
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from biasgan.codecs.avif import AVIF
from biasgan.codecs.bpg import BPG
from biasgan.codecs.codec import Codec, CodecError
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.jpeg2000 import JPEG2000
from biasgan.codecs.webp import WebP

from .mutations import mutate

GOOD = ("image", "refused")
"""What may become of a damaged file; all else is a finding."""


class Target(NamedTuple):
    """A decoder under attack.

    Attributes:
        decode: Turns a file into (H, W, 3) uint8.
        refusal: The one exception it may raise.
        examples: Whole files.
        mebibytes: Resident memory that a file may take.
    """

    decode: Callable[[bytes], np.ndarray]
    refusal: type[Exception]
    examples: Sequence[bytes]
    mebibytes: int = 1024

    def case(self, seed: int, number: int) -> bytes:
        """One of the examples, damaged."""
        random = Random(f"{seed} {number}")
        return mutate(random.choice(self.examples), random)

    def verdict(self, data: bytes) -> str:
        """What the decoder makes of a file: an image, a refusal, or something that it must not."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                image = self.decode(data)
            except self.refusal:
                verdict = "refused"
            except Exception as error:
                verdict = type(error).__name__
            else:
                whole = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0
                verdict = "image" if whole else "no image"
        return warned[0].category.__name__ if warned else verdict


def target(name: str) -> Target:
    """One of the targets by its name."""
    return TARGETS[name]()


def photograph(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def coded(codec: Codec, *qualities: int) -> list[bytes]:
    return [codec.encode(photograph(*size), quality).data for size in ((48, 56), (17, 9)) for quality in qualities]


def jpeg_files() -> list[bytes]:
    """Baseline and progressive, all subsamplings, grey, CMYK, with restarts, with EXIF, with JFIF's resolution."""
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "somebody", 0x011A: 300.0, 0x0128: 2})
    picture = Image.fromarray(photograph(48, 56))
    others = (
        (picture.convert("L"), {}),
        (picture.convert("CMYK"), {"progressive": True}),
        (picture, {"restart_marker_blocks": 2}),
        (picture, {"exif": exif}),
        (picture, {"dpi": (72, 72), "comment": "none", "icc_profile": bytes(200)}),
    )
    codecs = (JPEG(), JPEG("4:2:2"), JPEG("4:4:4"), JPEG(progressive=True), JPEG("4:4:4", progressive=True))
    return [*(file for codec in codecs for file in coded(codec, 20, 90)), *(saved(*other) for other in others)]


def saved(picture: Image.Image, options: Mapping[str, object]) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="JPEG", **options)
    return file.getvalue()


def avif_files() -> list[bytes]:
    file = io.BytesIO()
    transparent = Image.fromarray(photograph(48, 56))
    transparent.putalpha(transparent.getchannel(0))
    transparent.save(file, format="AVIF", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    return [*coded(AVIF(), 20, 90), *coded(AVIF("4:4:4"), 50), file.getvalue()]


def webp_files() -> list[bytes]:
    """Lossy and lossless, with transparency and with several frames."""
    files = coded(WebP(), 20, 90)
    transparent = Image.fromarray(photograph(48, 56))
    transparent.putalpha(transparent.getchannel(0))
    for options in ({"lossless": True}, {}, {"save_all": True, "append_images": [Image.new("RGB", (56, 48))]}):
        file = io.BytesIO()
        transparent.save(file, format="WEBP", **options)
        files.append(file.getvalue())
    return files


def bpg_files() -> list[bytes]:
    """Of both of libbpg's encoders, in all that the decoder knows."""
    vectors = Path(__file__).parents[1] / "codecs" / "bpg_vectors"
    return [file.read_bytes() for file in sorted(vectors.glob("*.bpg"))]


def read(data: bytes) -> np.ndarray:
    """Read a file as images of users are read."""
    from biasgan.io.images import read_image

    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(data)
        file.flush()
        return read_image(Path(file.name))


def read_target() -> Target:
    from biasgan.io.images import ImageError

    # Users' images may be nearly three times as large as those that codecs take.
    return Target(read, ImageError, jpeg_files(), mebibytes=1280)


TARGETS: dict[str, Callable[[], Target]] = {
    "jpeg": lambda: Target(JPEG().decode, CodecError, jpeg_files()),
    "jpeg2000": lambda: Target(JPEG2000().decode, CodecError, coded(JPEG2000(), 2, 40)),
    "webp": lambda: Target(WebP().decode, CodecError, webp_files()),
    "avif": lambda: Target(AVIF().decode, CodecError, avif_files()),
    "bpg": lambda: Target(BPG().decode, CodecError, bpg_files()),
    "read_image": read_target,
}
