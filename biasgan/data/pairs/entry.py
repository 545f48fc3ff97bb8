from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from biasgan.io.checksums import sha256_of_json
from biasgan.io.files import fitting, readable

LONGEST_ENDING = 40
"""Bytes of what is put behind the name of an image for the names of files about it."""


@dataclass(frozen=True)
class Entry(ABC):
    """One image of a set, before and after compression. Entries can be pickled and hashed.

    Attributes:
        name: Of the image, for people.
        width: In pixels.
        height: In pixels.
        bits: Size of the compressed file.
        quality: With which this image was coded; None if nobody knows.
        place: Its name in the folder of its set, with subfolders and without extension; empty if that is not known.
    """

    name: str
    width: int
    height: int
    bits: int
    quality: int | None
    place: str = field(default="", kw_only=True)

    @property
    def bits_per_pixel(self) -> float:
        """Size of the compressed file over the number of pixels."""
        return self.bits / (self.width * self.height)

    def misses(self, sides: Mapping[str, int]) -> str:
        """What the image is too small for, in words; empty if for nothing.

        Args:
            sides: What asks for a shortest side, in words → that side in pixels.
        """
        short = [words for words, side in sides.items() if min(self.width, self.height) < side]
        return f"{self.width} x {self.height} pixels, less than {' and '.join(short)}" if short else ""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Known without reading the pixels, and another one where they differ, before or after compression."""

    @property
    def original_digest(self) -> str:
        """The same at all qualities, and another one where originals differ, as far as that is known without reading.

        By default it is known of their size alone.
        """
        return f"{self.width}x{self.height}"

    @abstractmethod
    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original.

        Mapped where they are files, so that only what is looked at is read.

        Returns:
            (H, W, 3) uint8 twice, read-only.
        """


def asked_by(metrics: Mapping[str, int]) -> dict[str, int]:
    """For `Entry.misses`, what metrics ask for: their names → the shortest side that each takes, in pixels."""
    return {f"the {side} that {name} needs": side for name, side in metrics.items()}


def fingerprint(*sides: Iterable[Entry]) -> str:
    """SHA-256 of the names and digests of all pairs of several sets, in their order, in hexadecimal digits."""
    known = [[(entry.name, entry.digest) for entry in side] for side in sides]
    return sha256_of_json(known)


def fingerprint_of_originals(*sides: Iterable[Entry]) -> str:
    """SHA-256 of the names and digests of the originals of several sets, in their order, in hexadecimal digits."""
    known = [[(entry.name, entry.original_digest) for entry in side] for side in sides]
    return sha256_of_json(known)


def quality_of(entries: Iterable[Entry]) -> int | str:
    """The quality of images that were compressed before: one, `LOWEST-HIGHEST`, or `given` where nobody knows."""
    known = {entry.quality for entry in entries}
    qualities = sorted(quality for quality in known if quality is not None)
    if len(qualities) < len(known) or not qualities:
        return "given"
    return qualities[0] if len(qualities) == 1 else f"{qualities[0]}-{qualities[-1]}"


def names_of(entries: Iterable[Entry]) -> list[str]:
    """Names of images in their order, all different, for people and for files.

    Where several have the same one, they get those of their subfolders too, or else numbers. Long ones are shortened.
    """
    entries = list(entries)
    met = Counter(entry.name for entry in entries)
    names: dict[str, None] = {}
    for entry in entries:
        in_place = readable(entry.place).replace("/", "-")
        first = fitting(in_place if in_place and met[entry.name] > 1 else entry.name, room=LONGEST_ENDING)
        name, number = first, 1
        while name in names:
            number += 1
            name = f"{first}-{number}"
        names[name] = None
    return list(names)
