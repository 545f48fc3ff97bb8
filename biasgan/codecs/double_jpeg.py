from collections.abc import Sequence
from typing import ClassVar

from biasgan.codecs.chain import Chain, Link
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.pillow import Subsampling


class DoubleJPEG(Chain):
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
    extension: ClassVar[str] = "jpg"
    quality_option: ClassVar[str] = "qf"

    def __init__(
        self,
        first_quality: int,
        shift: Sequence[int] | None = None,
        subsampling: Subsampling = "4:2:0",
    ) -> None:
        jpeg = JPEG(subsampling)
        super().__init__([Link([jpeg], first_quality, shift=shift), Link([jpeg])])
        self.jpeg = jpeg
        self.first_quality = first_quality
        self.shift = shift

    @property
    def identity(self) -> dict[str, str | int]:
        """Releases and subsampling, the first quality and the shift."""
        shift = "of each image" if self.shift is None else "{} rows, {} columns".format(*self.shift)
        return {**self.jpeg.identity, "codec": self.name, "first_quality": self.first_quality, "shift": shift}
