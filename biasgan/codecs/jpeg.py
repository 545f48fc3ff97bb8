import io
from typing import ClassVar, Literal

import numpy as np
import PIL
from PIL import Image, features

from biasgan.codecs.codec import Codec, CodecError, Coded


class JPEG(Codec):
    """Baseline JPEG by Pillow: standard tables scaled by the quality, no optimised Huffman codes.

    Pixels differ between releases of the library, so its version is part of the identity.

    Args:
        subsampling: Of the chroma planes.
    """

    name: ClassVar[str] = "jpeg"
    extension: ClassVar[str] = "jpg"
    quality_option: ClassVar[str] = "qf"
    lowest_quality: ClassVar[int] = 1
    highest_quality: ClassVar[int] = 100
    larger_is_better: ClassVar[bool] = True
    usual_quality: ClassVar[int] = 20

    def __init__(self, subsampling: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0") -> None:
        if subsampling not in ("4:2:0", "4:2:2", "4:4:4"):
            raise ValueError(f"codec.subsampling must be 4:2:0, 4:2:2 or 4:4:4; got {subsampling}.")
        self.subsampling = subsampling

    @property
    def identity(self) -> dict[str, str | int]:
        """Subsampling, and the releases of Pillow and of the library below it."""
        turbo = features.version_feature("libjpeg_turbo")
        library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version_codec('jpg')}"
        return {"codec": self.name, "subsampling": self.subsampling, "library": library, "pillow": PIL.__version__}

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image, (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If the quality is not a whole number from 1 to 100.
            CodecError: If the image is of another type or shape, or a side is longer than 65500 pixels.
        """
        self.check_quality(quality)
        self.check_image(image)
        file = io.BytesIO()
        try:
            Image.fromarray(image).save(file, format="JPEG", quality=quality, subsampling=self.subsampling)
        except OSError as error:
            height, width = image.shape[:2]
            raise CodecError(f"jpeg cannot encode {width} x {height} pixels: {error}.") from error
        data = file.getvalue()
        return Coded(self.decode(data), data)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a JPEG file to (H, W, 3) uint8 RGB.

        Raises:
            CodecError: If it is damaged or no JPEG file.
        """
        try:
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
                return np.array(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise CodecError(f"jpeg cannot decode {len(data)} bytes: {error}.") from error
