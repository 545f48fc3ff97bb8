from abc import ABC, abstractmethod
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

    @abstractmethod
    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The compressed image and the original.

        Mapped where they are files, so that only what is looked at is read.

        Returns:
            (H, W, 3) uint8 twice, read-only.
        """
