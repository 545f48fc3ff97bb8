import re
from typing import Any, ClassVar

import numpy as np
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from biasgan.codecs.codec import CodecError
from biasgan.codecs.pillow import PillowCodec

START = b"\xff\x4f\xff\x51"
"""First bytes of a code stream: its first two markers."""
CODE_BLOCKS = re.compile(rb"\xff\x52\x00\x0c[\x00\x02\x04\x06].{5}\x04\x04", re.DOTALL)
"""The marker that follows the sizes, where it says: blocks of 64 x 64, no precincts."""


class JPEG2000(PillowCodec):
    """JPEG 2000 by OpenJPEG: irreversible wavelets and colour transform, one tile, one layer, a bare code stream.

    The quality is the ratio of 24 bits per pixel to the size of the file, which the encoder keeps to: 40 gives
    0.6 bits per pixel of any image.

    Examples:
        >>> import numpy as np
        >>> from biasgan import JPEG2000
        >>> JPEG2000().encode(np.zeros((64, 64, 3), np.uint8), 40).image.shape
        (64, 64, 3)
    """

    name: ClassVar[str] = "jpeg2000"
    extension: ClassVar[str] = "j2k"
    quality_option: ClassVar[str] = "ratio"
    lowest_quality: ClassVar[int] = 1
    highest_quality: ClassVar[int] = 500
    larger_is_better: ClassVar[bool] = False
    usual_quality: ClassVar[int] = 40
    reader: ClassVar[type[ImageFile]] = Jpeg2KImageFile
    feature: ClassVar[str] = "jpg_2000"
    library_name: ClassVar[str] = "OpenJPEG"

    def options(self, quality: int) -> dict[str, Any]:
        """The ratio as the only layer's rate."""
        rate = {"quality_mode": "rates", "quality_layers": [quality]}
        return {**rate, "irreversible": True, "mct": 1, "no_jp2": True}

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a code stream to (H, W, 3) uint8 RGB.

        Raises:
            CodecError: If it is damaged, of another kind than those that `encode` makes, or of too many pixels.
        """
        # The boxes of a .jp2 file state a size of their own, but the library allocates by the code stream's; and of
        # tiny code blocks or precincts it allocates hundreds of bytes for each.
        sizes = int.from_bytes(data[4:6], "big")
        if not (data.startswith(START) and CODE_BLOCKS.match(data, 4 + sizes)):
            raise CodecError(
                f"jpeg2000 cannot decode {len(data)} bytes: they are no bare code stream with blocks of 64 x 64."
            )
        return super().decode(data)
