import zlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from biasgan.codecs.codec import Coded
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.pillow import Subsampling


class DoubleJPEG(JPEG):
    """JPEG of a picture that was a JPEG before, and was cropped in between: two grids of 8 x 8 blocks, one shifted.

    Image and bits are those of the second compression; nothing is moved against the original.

    Args:
        first_quality: Of the first compression, 1 to 100.
        shift: Rows and columns, each 0 to 7, that the first grid begins before the image. Otherwise every image has
            its own, drawn from its pixels and never (0, 0).
        subsampling: Of the chroma planes, both times.

    Raises:
        ValueError: If the quality or the shift is out of range.
    """

    name: ClassVar[str] = "jpeg_double"

    def __init__(
        self,
        first_quality: int,
        shift: Sequence[int] | None = None,
        subsampling: Subsampling = "4:2:0",
    ) -> None:
        super().__init__(subsampling)
        self.check_quality(first_quality)
        if shift is not None and (len(shift) != 2 or any(step not in range(8) for step in shift)):
            raise ValueError(f"codec.shift must be null or two numbers from 0 to 7, rows and columns; got {shift}.")
        self.first_quality = first_quality
        self.shift = shift

    @property
    def identity(self) -> dict[str, str | int]:
        """Releases and subsampling, the first quality and the shift."""
        shift = "of each image" if self.shift is None else "{} rows, {} columns".format(*self.shift)
        return {**super().identity, "first_quality": self.first_quality, "shift": shift}

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image twice, (H, W, 3) uint8 RGB.

        Args:
            image: (H, W, 3) uint8 RGB.
            quality: Of the second compression.

        Raises:
            ValueError: If the quality is not a whole number from 1 to 100.
            CodecError: If the image is of another type or shape, or too large.
        """
        self.check_quality(quality)
        self.check_image(image)
        top, left = shift_of(image) if self.shift is None else self.shift
        larger = np.pad(image, ((top, 0), (left, 0), (0, 0)), mode="edge")
        first = super().encode(larger, self.first_quality)
        return super().encode(first.image[top:, left:], quality)


def shift_of(image: np.ndarray) -> tuple[int, int]:
    """One of the 63 shifts, the same for the same pixels."""
    return divmod(1 + zlib.crc32(image.tobytes()) % 63, 8)
