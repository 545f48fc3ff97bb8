from typing import Any, ClassVar

from PIL import features
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from biasgan.codecs.pillow import PillowCodec, Subsampling, check_subsampling


class JPEG(PillowCodec):
    """JPEG by Pillow: standard tables scaled by the quality.

    Args:
        subsampling: Of the chroma planes.
        progressive: In several scans with Huffman codes made for the image: the same pixels in fewer bits. Otherwise
            baseline, with the standard's Huffman codes. Noise in 4:4:4 can be more than Pillow has a buffer for,
            which is a CodecError: 8 bits per pixel, or 16 from a quality of 95 on.

    Examples:
        >>> import numpy as np
        >>> from biasgan import JPEG
        >>> JPEG().encode(np.zeros((8, 16, 3), np.uint8), 20).image.shape
        (8, 16, 3)
    """

    name: ClassVar[str] = "jpeg"
    extension: ClassVar[str] = "jpg"
    quality_option: ClassVar[str] = "qf"
    lowest_quality: ClassVar[int] = 1
    highest_quality: ClassVar[int] = 100
    larger_is_better: ClassVar[bool] = True
    usual_quality: ClassVar[int] = 20
    reader: ClassVar[type[ImageFile]] = JpegImageFile
    feature: ClassVar[str] = "jpg"
    library_name: ClassVar[str] = "libjpeg"

    def __init__(self, subsampling: Subsampling = "4:2:0", progressive: bool = False) -> None:
        super().__init__()
        check_subsampling(subsampling)
        self.subsampling = subsampling
        self.progressive = progressive

    @property
    def library(self) -> str:
        """Name and version of the library, mostly libjpeg-turbo."""
        turbo = features.version_feature("libjpeg_turbo")
        return f"libjpeg-turbo {turbo}" if turbo else super().library

    @property
    def identity(self) -> dict[str, str | int]:
        """Releases and subsampling, and whether it is progressive if it is: pair sets of baseline JPEG stay valid."""
        identity = {**super().identity, "subsampling": self.subsampling}
        return {**identity, "progressive": True} if self.progressive else identity

    def options(self, quality: int) -> dict[str, Any]:
        """Quality, subsampling and kind of scans."""
        return {"quality": quality, "subsampling": self.subsampling, "progressive": self.progressive}
