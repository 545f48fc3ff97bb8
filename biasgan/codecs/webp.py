from typing import Any, ClassVar

import numpy as np
from PIL.ImageFile import ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from biasgan.codecs.pillow import PillowCodec


class WebP(PillowCodec):
    """Lossy WebP by libwebp: VP8 key frames, always 4:2:0.

    Examples:
        >>> import numpy as np
        >>> from biasgan import WebP
        >>> WebP().encode(np.zeros((8, 16, 3), np.uint8), 20).image.shape
        (8, 16, 3)
    """

    name: ClassVar[str] = "webp"
    extension: ClassVar[str] = "webp"
    quality_option: ClassVar[str] = "qf"
    lowest_quality: ClassVar[int] = 0
    highest_quality: ClassVar[int] = 100
    larger_is_better: ClassVar[bool] = True
    usual_quality: ClassVar[int] = 20
    reader: ClassVar[type[ImageFile]] = WebPImageFile
    feature: ClassVar[str] = "webp"
    library_name: ClassVar[str] = "libwebp"

    def options(self, quality: int) -> dict[str, Any]:
        """The quality, and the library's usual effort."""
        return {"quality": quality, "method": 4}

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a file to (H, W, 3) uint8 RGB.

        Raises:
            CodecError: If it is damaged, no WebP file, or of too many pixels.
        """
        # Pillow's reader allocates the canvas as soon as it opens a file.
        self.check_size(*canvas(data))
        return super().decode(data)


def canvas(data: bytes) -> tuple[int, int]:
    """Width and height in the head of a WebP file, RFC 9649; of anything else 0 and 0."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + number(data[24:27]), 1 + number(data[27:30])
    if kind == b"VP8L":
        sides = number(data[21:25])
        return 1 + sides % 2**14, 1 + (sides >> 14) % 2**14
    if kind == b"VP8 ":
        return number(data[26:28]) % 2**14, number(data[28:30]) % 2**14
    return 0, 0


def number(data: bytes) -> int:
    """A number, its lowest byte first."""
    return int.from_bytes(data, "little")
