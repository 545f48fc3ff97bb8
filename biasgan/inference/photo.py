"""A picture file with everything that should still be there after its pixels were restored."""

import io
import struct
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, ImageCms

from biasgan.codecs import bpg, bpg_container
from biasgan.codecs.bpg_container import EXIF, PROFILE, XMP
from biasgan.inference import deep_png
from biasgan.io.containers.limit import check_pixels
from biasgan.io.containers.metadata import Metadata, colours_of, is_possible, resolution_of, turned, upright
from biasgan.io.containers.split import split
from biasgan.io.containers.tiff import exif_of_photograph, levels_of
from biasgan.io.files import atomic_write
from biasgan.io.images import (
    DEEP_MODES,
    ImageError,
    from_lab,
    grey_levels,
    metadata_of,
    open_picture,
    readable,
    rounded,
)

if TYPE_CHECKING:
    # Half a gigabyte, of no use to those who only read and write.
    from torch import Tensor

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True, "exact": True},
    # Uncompressed, since Pillow cannot write EXIF into compressed ones.
    "tiff": {"format": "TIFF"},
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": "4:4:4"},
    "avif": {"format": "AVIF", "quality": 95, "subsampling": "4:4:4"},
}
"""What can be written, and with which of Pillow's options."""
FACTS = {"exif": "EXIF", "dpi": "resolution", "profile": "colour profile"}
"""What stands beside the pixels, least missed first, and what people call it."""
NO_PICTURE = {b"link": "links devices", b"abst": "is an effect", b"nmcl": "names colours"}
"""What ICC profiles do whose class is not about a picture's colours."""
JPEG_DPI = 2**16 - 1
"""The most that JPEG can say."""
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


def read_photo(path: str | Path) -> Photo:
    """Read an image file with its depth, transparency, colour profile, EXIF and resolution.

    It is turned as EXIF, or else XMP, says. Palettes become RGB, CMYK becomes sRGB by its profile if it has one, and
    Lab becomes sRGB; of several frames it is the first. Transparent pixels keep their colour. What is damaged beside
    the pixels, or does not fit them, is left out with a remark.

    Args:
        path: A file of any format that Pillow opens, with 8 bits or, as PNG or TIFF, up to 16; or a BPG file.

    Raises:
        ImageError: If the file is missing, damaged, no image, of floating-point or signed numbers, or too large.
        ImportError: If it is a BPG file and that extra is not installed.
    """
    with readable(path):
        data = Path(path).read_bytes()
        return of_bpg(data) if data.startswith(bpg_container.MAGIC) else decoded(data)


def of_bpg(data: bytes) -> Photo:
    """The picture in the content of a BPG file, by the rules of `read_photo`."""
    check_pixels(*bpg_container.read_size(data)[:2])
    facts = bpg_container.read_extensions(data)
    colour = bpg.BPG().decode(data, sys.maxsize)
    grey = bool((colour == colour[..., :1]).all())
    exif = facts.get(EXIF)
    return completed(Photo(colour, grey), Metadata(exif, facts.get(XMP), facts.get(PROFILE), resolution_of(exif)))


def decoded(data: bytes) -> Photo:
    """The picture in the content of a file, by the rules of `read_photo`."""
    alone, metadata = split(data)
    levels = levels_of(alone)
    if levels is not None:
        return completed(of_levels(levels), metadata or Metadata())
    with open_picture(alone) as picture:
        order = raw_mode(picture)
        picture.load()
        metadata = metadata or metadata_of(picture)
        if not order:
            return of_pixels(picture, metadata)
    deep = deep_pixels(alone, order)
    photo = of_levels(deep)
    return completed(photo if photo.alpha is not None else replace(photo, alpha=keyed(deep, picture)), metadata)


def of_picture(picture: Image.Image) -> Photo:
    """Take a picture of Pillow's, with 8 bits or 16 bits of grey, by the rules of `read_photo`.

    Raises:
        ImageError: If its numbers have no range that could be mapped to [0, 1].
    """
    picture.load()
    return of_pixels(picture, metadata_of(picture))


def of_pixels(picture: Image.Image, metadata: Metadata) -> Photo:
    """A photograph of the pixels that Pillow loaded, and of what stood beside them."""
    if picture.mode in DEEP_MODES:
        levels = grey_levels(picture)[..., np.newaxis]
        return completed(Photo(threefold(levels), True, keyed(levels, picture)), metadata)
    if picture.mode in ("CMYK", "LAB"):
        kind = {"CMYK": "CMYK", "LAB": "Lab"}[picture.mode]
        remarks = [f"{kind} became sRGB"]
        if metadata.profile and colours_of(metadata.profile) != kind:
            remarks.append(misfit(metadata.profile, kind))
        picture = from_lab(picture) if kind == "Lab" else from_cmyk(picture, metadata.profile)
        metadata = replace(metadata, profile=None, remarks=(*metadata.remarks, *remarks))
    grey, transparent = picture.mode in ("1", "L", "LA", "La"), picture.has_transparency_data
    if picture.mode == "La":
        picture = picture.convert("LA")
    return completed(of_levels(np.array(picture.convert(("L" if grey else "RGB") + "A" * transparent))), metadata)


def of_levels(levels: np.ndarray) -> Photo:
    """A photograph of (H, W) or (H, W, C): 1 (grey), 2 (and alpha), 3 (RGB) or 4 channels (and alpha)."""
    levels = levels.reshape(*levels.shape[:2], -1)
    transparent = levels.shape[2] in (2, 4)
    colour, alpha = (levels[..., :-1], levels[..., -1]) if transparent else (levels, None)
    return Photo(threefold(colour), colour.shape[2] == 1, alpha)


def completed(photo: Photo, metadata: Metadata) -> Photo:
    """A photograph, as it lies in its file, turned and with what can be kept of what stood beside it."""
    exif, remarks = upright(metadata.exif)
    dpi = metadata.dpi
    if dpi and not is_possible(dpi):
        dpi, remarks = None, (*remarks, "its resolution is impossible and was left out")
    colour, alpha = (
        None if part is None else np.ascontiguousarray(turned(part, metadata.orientation))
        for part in (photo.colour[..., :1] if photo.grey else photo.colour, photo.alpha)
    )
    first = ("only the first of its frames",) * metadata.animated
    photo = Photo(
        threefold(cast(np.ndarray, colour)), photo.grey, alpha, None, exif, dpi, (*first, *metadata.remarks, *remarks)
    )
    return with_profile(photo, metadata.profile) if metadata.profile else photo


def with_profile(photo: Photo, profile: bytes) -> Photo:
    """A photograph with the profile of its colours, or in sRGB, or without one that is not for such colours."""
    colours, needed = colours_of(profile), "GRAY" if photo.grey else "RGB"
    if colours == needed:
        return replace(photo, profile=profile)
    if photo.grey and colours == "RGB" and not photo.is_deep:
        return replace(in_srgb(replace(photo, grey=False), profile), grey=True)
    return replace(photo, remarks=(*photo.remarks, misfit(profile, needed)))


def misfit(profile: bytes, needed: str) -> str:
    """Why a profile does not serve."""
    colours = colours_of(profile)
    damage = NO_PICTURE.get(profile[12:16], "is damaged")
    reason = damage if colours is None else f"is for {colours}, not for {needed},"
    return f"its colour profile {reason} and was left out"


def in_srgb(photo: Photo, profile: bytes) -> Photo:
    """A photograph of 8 bits in sRGB instead of the colours of a profile."""
    shallow = photo.shallow()
    pixels = np.ascontiguousarray(shallow.colour[..., 0] if photo.grey else shallow.colour)
    picture = converted(Image.fromarray(pixels), profile)
    if picture is None:
        remark = "its colour profile cannot be used and was left out"
        return replace(photo, profile=None, remarks=(*photo.remarks, remark))
    return replace(shallow, colour=np.array(picture), profile=None)


def converted(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """A picture in sRGB instead of the colours of a profile; None if that cannot be used."""
    cms = cast(Any, ImageCms)
    try:
        return cms.profileToProfile(picture, io.BytesIO(profile), cms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:
        return None


def threefold(colour: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) → (H, W, 3)."""
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def keyed(levels: np.ndarray, picture: Image.Image) -> np.ndarray | None:
    """Alpha of a picture of 16 bits one of whose colours is transparent, or None."""
    key = picture.info.get("transparency")
    return None if key is None else np.where((levels == key).all(-1), 0, 65535).astype(np.uint16)


def from_cmyk(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK → sRGB, by the profile if there is one that serves."""
    by_profile = converted(picture, profile) if profile and colours_of(profile) == "CMYK" else None
    return by_profile or picture.convert("RGB")


def raw_mode(picture: Image.Image) -> str | None:
    """How a PNG file lays out 16 bits of several channels, in Pillow's words, or None where it has no such pixels."""
    modes = {str(tile.args) for tile in cast(Any, picture).tile} if picture.format == "PNG" else set[str]()
    return next((mode for mode in modes if mode in ("LA;16B", "RGB;16B", "RGBA;16B")), None)


def deep_pixels(data: bytes, order: str) -> np.ndarray:
    """Pixels of 16 bits in several channels.

    Of each number Pillow keeps the upper byte; told the other order of bytes, it keeps the lower one.

    Args:
        data: Content of a PNG file.
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
    return half(data).astype(np.uint16) << 8 | half(data, f"{order[:-1]}L")


def half(data: bytes, order: str | None = None) -> np.ndarray:
    """One byte of each number of a picture: the upper one, or that of another order of bytes."""
    with open_picture(data) as picture:
        if order:
            opened = cast(Any, picture)
            opened.tile = [tile._replace(args=order) for tile in opened.tile]
        picture.load()
        return np.asarray(picture)


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
    photo, remarks = fitted(photo, name)
    with atomic_write(path) as temporary:
        try:
            lost = write_what_fits(temporary, photo, name)
        except ValueError as error:
            raise ImageError(f"{path} cannot be written: {error}") from error
    return *remarks, *(f"no {FACTS[fact]}, which {name.upper()} cannot hold" for fact in lost)


def write_what_fits(path: Path, photo: Photo, name: str) -> tuple[str, ...]:
    """Write a photograph with as much of what stood beside its pixels as the format can hold.

    Returns:
        Which of `FACTS` were left out.

    Raises:
        MemoryError: If there is not enough.
        OSError: If the disk is full, or the folder missing or read-only.
        ValueError: If even the pixels alone cannot be written.
    """
    facts = [fact for fact in FACTS if getattr(photo, fact) is not None]
    first: Exception | None = None
    for lost in chain.from_iterable(combinations(facts, number) for number in range(len(facts) + 1)):
        try:
            write(path, replace(photo, **dict.fromkeys(lost)), name)
        except MemoryError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            first = first or error
        else:
            return lost
    raise ValueError(str(first) or type(first).__name__) from first


def fitted(photo: Photo, name: str) -> tuple[Photo, list[str]]:
    """A photograph as a format can have it, and what that costs."""
    remarks: list[str] = []
    if photo.is_deep and name == "tiff" and not photo.is_single:
        remarks += ["no EXIF in TIFF of 16 bits"] * (photo.exif is not None)
        photo = replace(photo, exif=None)
    elif photo.is_deep and name not in ("png", "tiff"):
        remarks.append(f"8 bits, since {name.upper()} has no more here")
        photo = photo.shallow()
    if name == "jpeg" and photo.dpi and not all(0 < round(number) <= JPEG_DPI for number in photo.dpi):
        photo = replace(photo, dpi=None)
        remarks.append(f"no {FACTS['dpi']}, which JPEG cannot hold")
    # These have no grey, whose profile would be read as one of RGB.
    if photo.grey and photo.profile and name in ("webp", "avif"):
        before, photo = photo, in_srgb(photo, photo.profile)
        failed = photo.remarks[len(before.remarks) :]
        remarks += failed or [f"its grey became sRGB, since {name.upper()} has no other"]
    return photo, remarks


def write(path: Path, photo: Photo, name: str) -> None:
    """Write what fits a format."""
    if photo.is_deep and name == "png":
        path.write_bytes(deep_png.encode(photo.pixels, photo.profile, photo.exif, photo.dpi))
    elif photo.is_deep and not photo.is_single:
        write_deep_tiff(path, photo)
    else:
        bare = replace(photo, **dict.fromkeys(FACTS))
        facts = photo.facts
        if name == "tiff" and photo.exif:
            # Pillow takes tags of EXIF for tags of the file, also where they are about the pixels.
            facts["exif"] = exif_of_photograph(photo.exif)
        bare.picture.save(path, **FORMATS[name], **facts)


def write_deep_tiff(path: Path, photo: Photo) -> None:
    """Write 16 bits of several channels as TIFF, which Pillow cannot."""
    import tifffile

    cast(Any, tifffile).imwrite(
        path, photo.pixels, photometric="minisblack" if photo.grey else "rgb", compression="zlib", metadata=None,
        extrasamples=None if photo.alpha is None else ["unassalpha"], iccprofile=photo.profile,
        resolution=photo.dpi, resolutionunit="INCH" if photo.dpi else "NONE", software=False,
    )  # fmt: skip
