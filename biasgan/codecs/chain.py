import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

import numpy as np
from PIL import Image

from biasgan.codecs.codec import Codec, CodecError, Coded
from biasgan.codecs.quality import read_qualities
from biasgan.io.images import ImageError, read_image

PNG = b"\x89PNG\r\n\x1a\n"
"""How a file of an image begins that no link took."""


@dataclass(frozen=True)
class Link:
    """One compression of a chain.

    Attributes:
        codecs: One of these compresses an image, each as often as the others.
        quality: Of all images, or `LOW-HIGH`, evenly; None for that which the chain is asked for.
        share: Of the images that go through it, above 0 and at most 1.
        shift: Rows and columns, each 0 to 7, that its grid begins before the image, as if the picture had been cropped
            afterwards. None gives each image its own, never (0, 0).

    Raises:
        ValueError: If a number is out of its range, or the codecs mean different things by it.
    """

    codecs: Sequence[Codec]
    quality: int | str | None = None
    share: float = 1.0
    shift: Sequence[int] | None = (0, 0)

    def __post_init__(self) -> None:
        """Refuse what only an image would show."""
        if not self.codecs:
            raise ValueError("A link of a chain needs at least one of codecs; got none.")
        if len(kinds := {codec.name for codec in self.codecs}) > 1:
            raise ValueError(
                f"The codecs of one link of a chain must be of one kind, whose qualities mean the same; got {kinds}."
            )
        if not 0 < self.share <= 1:
            raise ValueError(f"The share of a link of a chain must be above 0 and at most 1; got {self.share}.")
        if self.shift is not None and (len(self.shift) != 2 or any(step not in range(8) for step in self.shift)):
            raise ValueError(
                f"codec.shift must be null or two numbers from 0 to 7, rows and columns; got {self.shift}."
            )
        if self.quality is not None:
            read_qualities(self.quality, self.codecs[0])

    @property
    def identity(self) -> str:
        """All of it, in one line."""
        shift = "of each image" if self.shift is None else [*self.shift]
        codecs = [codec.identity for codec in self.codecs]
        fields = {"codecs": codecs, "quality": self.quality, "share": self.share, "shift": shift}
        return json.dumps(fields, sort_keys=True)

    def encode(self, image: np.ndarray, quality: int, draws: Random, shift: tuple[int, int]) -> Coded | None:
        """Compress an image; None if it is not among those that go through.

        Args:
            image: (H, W, 3) uint8 RGB.
            quality: That which the chain is asked for.
            draws: Of this image and link.
            shift: That of the image, where each has its own.
        """
        if draws.random() >= self.share:
            return None
        if self.quality is not None:
            qualities = read_qualities(self.quality, self.codecs[0])
            quality = qualities[int(draws.random() * len(qualities))]
        codec = self.codecs[int(draws.random() * len(self.codecs))]
        top, left = shift if self.shift is None else self.shift
        if not (top or left):
            return codec.encode(image, quality)
        larger = codec.encode(np.pad(image, ((top, 0), (left, 0), (0, 0)), mode="edge"), quality)
        return Coded(larger.image[top:, left:], larger.data)


class Chain(Codec):
    """Several compressions in a row, as pictures have that were sent on: each link takes what the one before gave.

    Shares, qualities and shifts are drawn from an image's pixels, so that they are the same each time. Image and bits
    are those of the last link that it went through. An image that no link takes stays as it is, and its bits are those
    of a PNG; its quality counts as that of the last link all the same.

    Args:
        links: First to last. The last has no quality of its own, all others have one.

    Raises:
        ValueError: If there is no link, or one has a quality that should have none, or none that should have one.
    """

    name: ClassVar[str] = "chain"
    extension: ClassVar[str] = "bin"
    quality_option: ClassVar[str] = "quality"

    def __init__(self, links: Sequence[Link]) -> None:
        if not links or links[-1].quality is not None or any(link.quality is None for link in links[:-1]):
            raise ValueError(
                "A chain has links that each have a quality, and after them a last one without, whose quality is that "
                f"of the training; got {[link.quality for link in links]}."
            )
        if tuple(links[-1].shift or ()) != (0, 0):
            raise ValueError(
                f"The last link of a chain begins where its file begins; got a shift of {links[-1].shift}."
            )
        self.links = links

    @property
    def identity(self) -> dict[str, str | int]:
        """Each link's."""
        links: dict[str, str | int] = {f"link {number}": link.identity for number, link in enumerate(self.links, 1)}
        return {"codec": self.name, **links}

    def check_quality(self, quality: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - its links say
        """Refuse a quality that the last link does not have.

        Raises:
            ValueError: As that link's codec says it.
        """
        self.links[-1].codecs[0].check_quality(quality)

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image, (H, W, 3) uint8 RGB.

        Args:
            image: (H, W, 3) uint8 RGB.
            quality: Of the last link.

        Raises:
            ValueError: If the quality is not one of the last link's codec.
            CodecError: If the image is of another type or shape, or too large.
        """
        self.check_quality(quality)
        self.check_image(image)
        checksum = zlib.crc32(image.tobytes())
        coded: Coded | None = None
        for number, link in enumerate(self.links):
            draws = Random(f"{checksum} {number}")
            coded = link.encode(coded.image if coded else image, quality, draws, shift_of(checksum + number)) or coded
        if coded:
            return coded
        file = io.BytesIO()
        Image.fromarray(image).save(file, format="PNG")
        return Coded(image, file.getvalue())

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a file of any link, or the PNG of an image that none took, to (H, W, 3) uint8 RGB.

        Raises:
            CodecError: If it is damaged, of another codec, or of too many pixels.
        """
        if data.startswith(PNG):
            try:
                return read_image("image.png", data)
            except ImageError as error:
                raise CodecError(f"{self.name} cannot decode {len(data)} bytes: {error}") from error
        errors: list[str] = []
        for codec in {codec.name: codec for link in self.links for codec in link.codecs}.values():
            try:
                return codec.decode(data)
            except CodecError as error:
                errors.append(str(error))
        raise CodecError(" ".join(errors))


def shift_of(number: int) -> tuple[int, int]:
    """One of the 63 shifts, rows and columns: all but (0, 0)."""
    return divmod(1 + number % 63, 8)
