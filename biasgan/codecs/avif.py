from typing import Any, ClassVar

from PIL import AvifImagePlugin
from PIL.ImageFile import ImageFile

from biasgan.codecs.pillow import PillowCodec, Subsampling, check_subsampling


class AVIF(PillowCodec):
    """AVIF by libavif and the AV1 encoder libaom, 8-bit full range, on one thread: tiles would depend on the machine.

    Args:
        subsampling: Of the chroma planes.

    Examples:
        >>> import numpy as np
        >>> from biasgan import AVIF
        >>> AVIF().encode(np.zeros((8, 16, 3), np.uint8), 20).image.shape
        (8, 16, 3)
    """

    name: ClassVar[str] = "avif"
    extension: ClassVar[str] = "avif"
    quality_option: ClassVar[str] = "qf"
    lowest_quality: ClassVar[int] = 0
    highest_quality: ClassVar[int] = 100
    larger_is_better: ClassVar[bool] = True
    usual_quality: ClassVar[int] = 20
    reader: ClassVar[type[ImageFile]] = AvifImagePlugin.AvifImageFile
    feature: ClassVar[str] = "avif"
    library_name: ClassVar[str] = "libavif"

    def __init__(self, subsampling: Subsampling = "4:2:0") -> None:
        super().__init__()
        check_subsampling(subsampling)
        self.subsampling = subsampling

    @property
    def library(self) -> str:
        """Names and versions of the libraries for the container and the encoder."""
        return f"{super().library}, aom {AvifImagePlugin.get_codec_version('aom')}"

    @property
    def identity(self) -> dict[str, str | int]:
        """Releases and subsampling."""
        return {**super().identity, "subsampling": self.subsampling}

    def options(self, quality: int) -> dict[str, Any]:
        """Quality, subsampling, and what else decides about the bits: encoder, effort, range, threads and tiles."""
        encoder = {"codec": "aom", "speed": 6, "max_threads": 1, "autotiling": False}
        return {"quality": quality, "subsampling": self.subsampling, "range": "full", **encoder}
