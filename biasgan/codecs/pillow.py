import io
from abc import abstractmethod
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import PIL
from PIL import Image, features
from PIL.ImageFile import ImageFile

from biasgan.codecs.codec import Codec, CodecError, Coded
from biasgan.system.console import no_warnings

Subsampling = Literal["4:2:0", "4:2:2", "4:4:4"]


class PillowCodec(Codec):
    """A codec that Pillow brings along.

    Pixels differ between releases of the libraries, so their versions are part of the identity.

    Attributes:
        reader: Pillow's class for files of this codec.
        feature: What Pillow calls its support of the codec.
        library_name: Of the library below Pillow.

    Raises:
        ImportError: If Pillow was built without the codec.

    Examples:
        >>> from biasgan import PillowCodec, WebP
        >>> issubclass(WebP, PillowCodec), WebP().library.startswith("libwebp")
        (True, True)
    """

    reader: ClassVar[type[ImageFile]]
    feature: ClassVar[str]
    library_name: ClassVar[str]

    def __init__(self) -> None:
        if not features.check(self.feature):
            raise ImportError(
                f"Pillow {PIL.__version__} was built without {self.library_name}, which codec={self.name} needs; "
                "install a ready-made one: pip install --force-reinstall --only-binary pillow pillow"
            )

    @property
    def library(self) -> str:
        """Name and version of the library below Pillow."""
        return f"{self.library_name} {features.version(self.feature)}"

    @property
    def identity(self) -> dict[str, str | int]:
        """The codec, and the releases of Pillow and of the library below it."""
        return {"codec": self.name, "library": self.library, "pillow": PIL.__version__}

    @abstractmethod
    def options(self, quality: int) -> dict[str, Any]:
        """How Pillow is asked to save an image with a quality; nothing that matters is left to its defaults."""

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image, (H, W, 3) uint8 RGB.

        Raises:
            ValueError: If the quality is not a whole number in the codec's range.
            CodecError: If the image is of another type or shape, or too large for the codec.
        """
        self.check_quality(quality)
        self.check_image(image)
        file = io.BytesIO()
        try:
            Image.fromarray(image).save(file, format=self.reader.format, **self.options(quality))
        except (OSError, ValueError, RuntimeError) as error:
            height, width = image.shape[:2]
            raise CodecError(f"{self.name} cannot encode {width} x {height} pixels: {error}.") from error
        data = file.getvalue()
        return Coded(self.decode(data), data)

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a file to (H, W, 3) uint8 RGB; of transparency and further frames nothing is seen.

        Raises:
            CodecError: If it is damaged, no file of the codec, or of too many pixels.
        """
        try:
            # The class and not `Image.open`, which has its own limit of pixels, and warns.
            with no_warnings():
                picture = self.reader(io.BytesIO(data))
            with picture:
                self.check_size(picture.width, picture.height)
                return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))
        except (MemoryError, CodecError):
            raise
        except Exception as error:
            # On damaged files Pillow's readers raise nearly anything: SyntaxError, struct.error, IndexError …
            reason = str(error) or type(error).__name__
            raise CodecError(f"{self.name} cannot decode {len(data)} bytes: {reason}.") from error


def check_subsampling(subsampling: str) -> None:
    """Refuse a subsampling of the chroma planes that is not one of three.

    Raises:
        ValueError: Names them.
    """
    if subsampling not in get_args(Subsampling):
        raise ValueError(f"codec.subsampling must be 4:2:0, 4:2:2 or 4:4:4; got {subsampling}.")
