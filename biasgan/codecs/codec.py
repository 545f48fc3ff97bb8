from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np


class CodecError(ValueError):
    """An image that a codec cannot encode, or a bitstream that it cannot decode."""


class Coded(NamedTuple):
    """A compressed image.

    Attributes:
        image: What the bitstream decodes to, (H, W, 3) uint8 RGB.
        data: The bitstream, a file as it would be stored.

    Examples:
        >>> import numpy as np
        >>> from biasgan import JPEG
        >>> coded = JPEG().encode(np.zeros((8, 16, 3), np.uint8), 20)
        >>> coded.image.shape, coded.bits == 8 * len(coded.data)
        ((8, 16, 3), True)
    """

    image: np.ndarray
    data: bytes

    @property
    def bits(self) -> int:
        """Size of the bitstream in bits."""
        return 8 * len(self.data)


class Codec(ABC):
    """Encodes whole images into real bitstreams, and decodes them.

    A codec can be pickled, may be called by several threads at once, and makes the same bytes of the same pixels.

    Attributes:
        name: Names the codec in folders and messages.
        extension: Of its files, without the dot.
        quality_option: What the quality is called in configurations.
        lowest_quality: Smallest valid quality.
        highest_quality: Largest valid quality.
        larger_is_better: Whether a larger quality means a better image and more bits.
        usual_quality: An example for messages.
        most_pixels: Larger images are neither encoded nor decoded: the header of a damaged file can claim any size.

    Examples:
        >>> from biasgan import BPG, JPEG
        >>> JPEG.larger_is_better, BPG.larger_is_better
        (True, False)
    """

    name: ClassVar[str]
    extension: ClassVar[str]
    quality_option: ClassVar[str]
    lowest_quality: ClassVar[int]
    highest_quality: ClassVar[int]
    larger_is_better: ClassVar[bool]
    usual_quality: ClassVar[int]
    most_pixels: ClassVar[int] = 2**25

    @property
    @abstractmethod
    def identity(self) -> dict[str, str | int]:
        """What the bits and pixels depend on besides the quality: codec, library, versions and parameters."""

    @abstractmethod
    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            quality: Within the codec's range.

        Returns:
            The bitstream and what it decodes to, of the same size.

        Raises:
            ValueError: If the quality is not valid.
            CodecError: If the image is of another type or shape, or too large for the codec.
        """

    @abstractmethod
    def decode(self, data: bytes) -> np.ndarray:
        """Decode a bitstream to (H, W, 3) uint8 RGB.

        Raises:
            CodecError: If it is damaged, of another codec, or of too many pixels.
        """

    @classmethod
    def check_quality(cls, quality: object) -> None:
        """Refuse a quality that is not a whole number in the codec's range.

        Raises:
            ValueError: Names the range, its direction and the option to set.
        """
        qualities = range(cls.lowest_quality, cls.highest_quality + 1)
        if not isinstance(quality, int) or isinstance(quality, bool) or quality not in qualities:
            direction = "larger" if cls.larger_is_better else "smaller"
            raise ValueError(
                f"{cls.name} quality must be a whole number from {cls.lowest_quality} to {cls.highest_quality} "
                f"({direction} is better); got {quality!r}. "
                f"Set {cls.quality_option}={cls.usual_quality}, for example."
            )

    @classmethod
    def check_image(cls, image: np.ndarray) -> None:
        """Refuse anything but 8-bit RGB.

        Raises:
            CodecError: Names type and shape.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise CodecError(f"{cls.name} takes images of (H, W, 3) uint8; got {image.shape} {image.dtype}.")
        cls.check_size(image.shape[1], image.shape[0])

    @classmethod
    def check_size(cls, width: int, height: int, most_pixels: int | None = None) -> None:
        """Refuse a size of too many pixels; decoders ask before they allocate anything of that size.

        Args:
            width: In pixels.
            height: In pixels.
            most_pixels: Instead of the codec's own number.

        Raises:
            CodecError: Names the size and the most that is possible.
        """
        most = most_pixels or cls.most_pixels
        if width * height > most:
            raise CodecError(
                f"{cls.name} takes images of at most {most} pixels; got {width} x {height}. "
                "Cut it into parts or make it smaller."
            )
