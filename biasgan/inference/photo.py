"""A picture file with everything that should still be there after its pixels were restored."""

import io
import re
import struct
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from biasgan.codecs import bpg
from biasgan.codecs.codec import CodecError
from biasgan.files import atomic_write
from biasgan.images import DEEP_MODES, ImageError, grey_levels, open_picture, readable
from biasgan.inference import deep_png

if TYPE_CHECKING:
    # Half a gigabyte, of no use to those who only read and write.
    from torch import Tensor

BPG_MAGIC = b"BPG\xfb"
TIFF_TAGS = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
    *(ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright),
)
"""What of a TIFF's tags is about the photograph; the others are about the file."""
IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True, "exact": True},
    # Uncompressed, since Pillow cannot write EXIF into compressed ones.
    "tiff": {"format": "TIFF"},
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": "4:4:4"},
    "avif": {"format": "AVIF", "quality": 95, "subsampling": "4:4:4"},
}
"""What can be written, and with which of Pillow's options."""
FORMAT_OF = {f".{name}": name for name in FORMATS} | {".jpg": "jpeg", ".tif": "tiff"}
"""Extensions of these formats."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture with all that should still be there after it was restored.

    Attributes:
        colour: (H, W, 3) uint8 or uint16; three equal channels of a grey picture.
        grey: Whether it is one.
        alpha: (H, W) of the same type, or None if it is opaque.
        profile: ICC profile of the colours, or None, which mostly means sRGB.
        exif: Without the orientation, since the pixels are turned already.
        dpi: Pixels an inch, horizontal and vertical.
        remarks: What reading could not keep, for people.
    """

    colour: np.ndarray
    grey: bool = False
    alpha: np.ndarray | None = None
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bits."""
        return self.colour.dtype == np.uint16

    @property
    def pixels(self) -> np.ndarray:
        """(H, W, C), with one colour channel if it is grey, and alpha last if there is any."""
        colour = self.colour[..., :1] if self.grey else self.colour
        return colour if self.alpha is None else np.dstack([colour, self.alpha])

    @property
    def picture(self) -> Image.Image:
        """As Pillow has it, with what its file said in `info`; 16 bits of more than one channel become 8."""
        photo = self if self.grey and self.alpha is None else self.shallow()
        picture = Image.fromarray(np.ascontiguousarray(photo.pixels.squeeze(2) if photo.is_single else photo.pixels))
        picture.info |= photo.facts
        return picture

    @property
    def is_single(self) -> bool:
        """Whether it has one channel."""
        return self.grey and self.alpha is None

    @property
    def facts(self) -> dict[str, Any]:
        """What its file says beside the pixels, under Pillow's names."""
        facts = {"icc_profile": self.profile, "exif": self.exif, "dpi": self.dpi}
        return {name: fact for name, fact in facts.items() if fact is not None}

    def to_image(self) -> "Tensor":
        """Colours as (3, H, W) float32 in [0, 1]."""
        import torch

        levels = torch.from_numpy(self.colour.astype(np.float32))  # pyright: ignore[reportUnknownMemberType] - partial stubs
        return levels.permute(2, 0, 1).div(np.iinfo(self.colour.dtype).max)

    def with_image(self, image: "Tensor") -> "Photo":
        """The same picture in other colours; of a grey one the mean of the three channels counts.

        Args:
            image: (3, H, W) on the CPU; what lies outside [0, 1] is clamped.
        """
        if self.grey:
            image = image.mean(0, keepdim=True).expand(3, -1, -1)
        levels = image.clamp(0, 1).mul(np.iinfo(self.colour.dtype).max).round_()
        return replace(self, colour=levels.permute(1, 2, 0).numpy().astype(self.colour.dtype))

    def shallow(self) -> "Photo":
        """The same picture with 8 bits."""
        if not self.is_deep:
            return self
        alpha = None if self.alpha is None else rounded(self.alpha)
        return replace(self, colour=rounded(self.colour), alpha=alpha)


def rounded(levels: np.ndarray) -> np.ndarray:
    """16 bits → 8 bits."""
    return ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def read_photo(path: str | Path) -> Photo:
    """Read an image file with its depth, transparency, colour profile, EXIF and resolution.

    It is turned as EXIF says. Palettes become RGB, and CMYK becomes sRGB by its profile if it has one; of several
    frames it is the first. Transparent pixels keep their colour.

    Args:
        path: A file of any format that Pillow opens, with 8 bits or, as PNG or TIFF, 16; or a BPG file.

    Raises:
        ImageError: If the file is missing, damaged, no image, of floating-point numbers, or too large.
        ImportError: If it is a BPG file and that extra is not installed.
    """
    with readable(path):
        data = Path(path).read_bytes()
        if not data.startswith(BPG_MAGIC):
            return decoded(data)
    try:
        colour = bpg.BPG().decode(data)
    except CodecError as error:
        raise ImageError(f"{path} cannot be read: {error}") from error
    return Photo(colour, grey=bool((colour == colour[..., :1]).all()))


def decoded(data: bytes) -> Photo:
    """The picture in the content of a file, by the rules of `read_photo`."""
    with open_picture(io.BytesIO(data)) as picture:
        order = raw_mode(picture)
        photo = of_picture(picture)
    if not order:
        return photo
    deep = deep_pixels(data, order)
    grey, transparent = order.startswith("LA"), deep.shape[2] in (2, 4)
    colour, alpha = (deep[..., :-1], deep[..., -1]) if transparent else (deep, keyed(deep, picture))
    return replace(photo, colour=threefold(colour), grey=grey, alpha=alpha)


def of_picture(picture: Image.Image) -> Photo:
    """Take a picture of Pillow's, with 8 bits or 16 bits of grey, by the rules of `read_photo`.

    Raises:
        ImageError: If its numbers have no range that could be mapped to [0, 1].
    """
    remarks: list[str] = []
    # An MPO is a JPEG with a second picture for special displays.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        remarks.append("only the first of its frames")
    picture.load()
    turned = ImageOps.exif_transpose(picture)
    facts: dict[str, Any] = {
        "profile": turned.info.get("icc_profile") or None,
        "exif": tiff_exif(picture) if picture.format == "TIFF" else turned.info.get("exif"),
        "dpi": turned.info.get("dpi"),
    }
    if turned.mode in DEEP_MODES:
        levels = grey_levels(turned)[..., np.newaxis]
        return Photo(threefold(levels), True, keyed(levels, turned), remarks=tuple(remarks), **facts)
    if turned.mode == "CMYK":
        turned = to_srgb(turned, facts.pop("profile"))
        remarks.append("CMYK became sRGB")
    grey, transparent = turned.mode in ("1", "L", "LA", "La"), turned.has_transparency_data
    pixels = np.array(turned.convert(("L" if grey else "RGB") + "A" * transparent))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    colour, alpha = (pixels[..., :-1], pixels[..., -1]) if transparent else (pixels, None)
    return Photo(threefold(colour), grey, alpha, remarks=tuple(remarks), **facts)


def threefold(colour: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) → (H, W, 3)."""
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def keyed(levels: np.ndarray, picture: Image.Image) -> np.ndarray | None:
    """Alpha of a picture of 16 bits one of whose colours is transparent, or None."""
    key = picture.info.get("transparency")
    return None if key is None else np.where((levels == key).all(-1), 0, 65535).astype(np.uint16)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK → RGB, by the profile if there is one that serves."""
    if profile:
        cms = cast(Any, ImageCms)
        try:
            return cms.profileToProfile(picture, io.BytesIO(profile), cms.createProfile("sRGB"), outputMode="RGB")
        except ImageCms.PyCMSError:
            pass
    return picture.convert("RGB")


def tiff_exif(picture: Image.Image) -> bytes | None:
    """What the tags of a TIFF say about the photograph."""
    tags, exif = picture.getexif(), Image.Exif()
    for tag in TIFF_TAGS:
        if tag in tags:
            exif[tag] = tags[tag]
    for ifd in IFDS:
        exif.get_ifd(ifd).update(tags.get_ifd(ifd))
    return exif.tobytes() if exif or any(map(exif.get_ifd, IFDS)) else None


def raw_mode(picture: Image.Image) -> str | None:
    """How a file lays out 16 bits of several channels, in Pillow's words, or None where it has no such pixels.

    Raises:
        ImageError: If they lie so that Pillow cannot read them.
    """
    tiles: list[Any] = getattr(picture, "tile", [])
    modes = {tile.args if isinstance(tile.args, str) else str(tile.args[0]) for tile in tiles if tile.args}
    for mode in modes:
        if re.fullmatch("(LA|RGB|RGBA);16[BLN]", mode):
            return mode
    if picture.format == "TIFF" and len(picture.getbands()) > 1 and 16 in cast(Any, picture).tag_v2.get(BITS, ()):
        raise ImageError(f"its 16 bits lie in a way that Pillow {Image.__version__} cannot read ({', '.join(modes)})")
    return None


def deep_pixels(data: bytes, order: str) -> np.ndarray:
    """Pixels of 16 bits in several channels, turned as EXIF says.

    Of each number Pillow keeps the upper byte; told the other order of bytes, it keeps the lower one.

    Args:
        data: Content of the file.
        order: What `raw_mode` gives.

    Returns:
        (H, W, 2, 3 or 4) uint16.
    """
    if order.startswith("LA"):
        # PNG filters bytes, so that two channels of 16 bits are four of 8.
        head = data[12:24] + bytes((8, 6)) + data[26:29]
        data = data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
        pixels = half(data).astype(np.uint16)
        return pixels[..., ::2] << 8 | pixels[..., 1::2]
    return half(data).astype(np.uint16) << 8 | half(data, order[:-1] + OTHER_ORDER[order[-1]])


def half(data: bytes, order: str | None = None) -> np.ndarray:
    """One byte of each number of a picture, turned as EXIF says: the upper one, or that of another order of bytes."""
    with open_picture(io.BytesIO(data)) as picture:
        if order:
            opened = cast(Any, picture)
            opened.tile = [
                tile._replace(args=order if isinstance(tile.args, str) else (order, *tile.args[1:]))
                for tile in opened.tile
            ]
        picture.load()
        return np.asarray(ImageOps.exif_transpose(picture))


BITS = 258
"""TIFF's tag BitsPerSample."""


def write_photo(path: str | Path, photo: Photo) -> tuple[str, ...]:
    """Write a picture, whole or not at all, in the format that the extension names.

    PNG, TIFF and WebP lose nothing of 8 bits; JPEG and AVIF are written with quality 95 and without subsampling.

    Args:
        path: One of `FORMAT_OF`.
        photo: What to write.

    Returns:
        What the format could not hold, for people.

    Raises:
        ImageError: If there is no such format here, or it cannot hold the picture.
        OSError: If the disk is full, or the folder missing or read-only.
    """
    path = Path(path)
    name = FORMAT_OF.get(path.suffix.lower())
    if name is None:
        raise ImageError(f"{path} has no extension that can be written; expected {', '.join(FORMAT_OF)}.")
    if photo.alpha is not None and name == "jpeg":
        raise ImageError(f"{path} cannot be written: JPEG has no transparency; choose PNG or WebP.")
    remarks: list[str] = []
    with atomic_write(path) as temporary:
        if photo.is_deep and name == "png":
            temporary.write_bytes(deep_png.encode(photo.pixels, photo.profile, photo.exif, photo.dpi))
        elif photo.is_deep and name == "tiff" and not photo.is_single:
            write_deep_tiff(temporary, photo)
            remarks += ["no EXIF in TIFF of 16 bits"] * (photo.exif is not None)
        else:
            if photo.is_deep and name != "tiff":
                photo = photo.shallow()
                remarks.append(f"8 bits, since {name.upper()} has no more here")
            try:
                photo.picture.save(temporary, **FORMATS[name], **photo.facts)
            except (ValueError, RuntimeError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise ImageError(f"{path} cannot be written: {error}") from error
    return tuple(remarks)


def write_deep_tiff(path: Path, photo: Photo) -> None:
    """Write 16 bits of several channels as TIFF, which Pillow cannot."""
    import tifffile

    cast(Any, tifffile).imwrite(
        path, photo.pixels, photometric="minisblack" if photo.grey else "rgb", compression="zlib", metadata=None,
        extrasamples=None if photo.alpha is None else ["unassalpha"], iccprofile=photo.profile,
        resolution=photo.dpi, resolutionunit="INCH",
    )  # fmt: skip
