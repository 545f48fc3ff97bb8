"""A photograph that is compressed, restored and compared, as the page shows it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from biasgan.analysis.triangle import Triangle
from biasgan.codecs.avif import AVIF
from biasgan.codecs.bpg import BPG
from biasgan.codecs.codec import Codec
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.jpeg2000 import JPEG2000
from biasgan.codecs.webp import WebP
from biasgan.inference.load import TWINS, load_model
from biasgan.inference.photo import Photo, read_photo
from biasgan.inference.restorer import Restorer
from biasgan.inference.tiles import Progress

CODECS: dict[str, type[Codec]] = {"JPEG": JPEG, "WebP": WebP, "AVIF": AVIF, "JPEG 2000": JPEG2000, "BPG": BPG}
"""What people call them → what they are."""


class Given(NamedTuple):
    """A photograph before it is restored.

    Attributes:
        compressed: As it is, or as a codec left it.
        original: As it was before that; None where nobody knows.
        bits_per_pixel: Of the file, or of the bitstream.
    """

    compressed: Photo
    original: Photo | None
    bits_per_pixel: float


class Trial(NamedTuple):
    """What came of a photograph.

    Attributes:
        given: It.
        restored: The result.
        triangle: The root mean square differences between the three in 8-bit levels; None without an original.
    """

    given: Given
    restored: Photo
    triangle: Triangle | None


class Trials:
    """Restores one photograph after another, and does again only what another setting changes."""

    def __init__(self) -> None:
        self._given = lru_cache(maxsize=1)(given)
        self._restorer = lru_cache(maxsize=2)(restorer)
        self._full: tuple[object, Tensor] | None = None

    def __call__(
        self,
        path: str,
        codec: str | None,
        quality: int,
        model: str,
        realism: float,
        strength: float,
        progress: Progress | None = None,
    ) -> Trial:
        """Restore a photograph.

        Args:
            path: What `photo.read_photo` takes.
            codec: One of `CODECS` to compress it with first, or None.
            quality: The codec's.
            model: What `load.load_model` takes.
            realism: For a model that has a twin; see there.
            strength: From 0, the compressed photograph, to 1, the fully restored one.
            progress: Told how many tiles are done, and of how many.

        Raises:
            CodecError: If the codec cannot take the photograph.
            ImageError: If it cannot be read.
            ValueError: If the quality or the model does not serve.
        """
        taken = self._given(path, codec, quality)
        settings = path, codec, quality, model, realism
        image = taken.compressed.to_image()
        if self._full is None or self._full[0] != settings:
            self._full = settings, self._restorer(model, realism).restore(image, progress)
        restored = taken.compressed.with_image(torch.lerp(image, self._full[1], strength))
        if taken.original is None:
            return Trial(taken, restored, None)
        return Trial(taken, restored, Triangle.measured(difference, taken.compressed, restored, taken.original))


def available() -> list[str]:
    """Those of `CODECS` whose libraries are installed."""
    found: list[str] = []
    for name, codec in CODECS.items():
        try:
            codec()
        except (ImportError, OSError):
            continue
        found.append(name)
    return found


def given(path: str, codec: str | None, quality: int) -> Given:
    """Read a photograph, and compress it where there is a codec; of transparency the codec sees nothing."""
    photo = read_photo(path)
    pixels = photo.colour.shape[0] * photo.colour.shape[1]
    if codec is None:
        return Given(photo, None, 8 * Path(path).stat().st_size / pixels)
    # A profile of grey would not fit the codec's three channels.
    original = replace(photo.shallow(), grey=False, profile=None if photo.grey else photo.profile)
    coded = CODECS[codec]().encode(np.ascontiguousarray(original.colour), quality)
    return Given(replace(original, colour=coded.image), original, coded.bits / pixels)


def restorer(model: str, realism: float) -> Restorer:
    """What restores by a model."""
    return Restorer(load_model(model, realism if model in TWINS else None))


def difference(one: Photo, other: Photo) -> float:
    """Root mean square difference of colours, in 8-bit levels."""
    return math.sqrt(np.square(one.colour.astype(np.float32) - other.colour).mean(dtype=np.float64))


def psnr(difference: float) -> float:
    """PSNR over the three channels together that a root mean square difference in 8-bit levels comes to, in dB."""
    return 20 * math.log10(255 / difference) if difference else math.inf


def rows(trial: Trial) -> Sequence[tuple[str, str]]:
    """What is measured of a trial, in words and figures."""
    bits = ("bits per pixel", f"{trial.given.bits_per_pixel:.3f}")
    if not trial.triangle:
        return [bits]
    before, after = psnr(trial.triangle.compressed_original), psnr(trial.triangle.restored_original)
    gain = f" ({after - before:+.2f})" if math.isfinite(after - before) else ""
    deviation = trial.triangle.deviation
    return [
        bits,
        ("PSNR, compressed", f"{before:.2f} dB"),
        ("PSNR, restored", f"{after:.2f} dB{gain}"),
        ("deviation", "none" if math.isnan(deviation) else f"{deviation:+.0f} %"),
    ]
