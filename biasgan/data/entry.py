import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry(ABC):
    """One image of a set, before and after compression. Entries can be pickled and hashed.

    Attributes:
        name: Of the image, for people.
        width: In pixels.
        height: In pixels.
        bits: Size of the compressed file.
        quality: With which this image was coded; None if nobody knows.
    """

    name: str
    width: int
    height: int
    bits: int
    quality: int | None

    @property
    def bits_per_pixel(self) -> float:
        """Size of the compressed file over the number of pixels."""
        return self.bits / (self.width * self.height)

    @property
    @abstractmethod
    def digest(self) -> str:
        """Known without reading the pixels, and another one where they differ, before or after compression."""

    @abstractmethod
    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original.

        Mapped where they are files, so that only what is looked at is read.

        Returns:
            (H, W, 3) uint8 twice, read-only.
        """


def fingerprint(*sides: Iterable[Entry]) -> str:
    """SHA-256 of the names and digests of all pairs of several sets, in their order, in hexadecimal digits."""
    known = [[(entry.name, entry.digest) for entry in side] for side in sides]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def names_of(entries: Iterable[Entry]) -> list[str]:
    """Names of images in their order; where several have the same one, the later ones are numbered."""
    names: dict[str, None] = {}
    for entry in entries:
        name, number = entry.name, 1
        while name in names:
            number += 1
            name = f"{entry.name}-{number}"
        names[name] = None
    return list(names)
