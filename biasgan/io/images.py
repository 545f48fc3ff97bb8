import errno
import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from biasgan.io.containers.avif import without_exif
from biasgan.io.containers.metadata import IFDS, UNUSABLE_EXIF, Metadata, turned
from biasgan.io.containers.split import split
from biasgan.io.containers.tiff import levels_of, of_photograph
from biasgan.io.files import atomic_write
from biasgan.system.console import no_warnings

if TYPE_CHECKING:
    # Half a gigabyte, of no use to those who only read images.
    from torch import Tensor

DEEP_MODES = ("F", "I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of more than 8 bits; all of them are grey."""
NO_RASTER = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")
"""Pillow's readers of what is no raster, or holds any other format; that of EPS starts Ghostscript."""
HIDDEN = "hidden EXIF"
"""Noted in `info` of pictures whose EXIF had to be hidden from Pillow."""
MISSING_OR_FORBIDDEN = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR)


class ImageError(ValueError):
    """An image, or a set of images, that cannot be used; the message names the file and the reason."""


def read_image(path: str | Path, data: bytes | None = None) -> np.ndarray:
    """Read an image file as 8-bit RGB.

    The picture is turned as its EXIF, or else its XMP, says. Grey becomes three equal channels, palettes, CMYK and Lab
    are converted, transparency is laid on white, and 16-bit grey is divided by 257 and rounded (of 16-bit colour the
    upper bytes count). Samples of other depths are brought to the whole range, and 0 is black also where the file says
    that it is white. Of several frames it is the first. Colour profiles are not applied.

    Whatever is damaged beside the pixels costs nothing, and a JPEG file may lack its end marker.

    Args:
        path: A file of any format that Pillow opens.
        data: Its content, where that has been read already.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If the file is missing, damaged, truncated, no image, of floating-point or signed numbers, or so
            large that Pillow suspects a decompression bomb.
    """
    with readable(path):
        alone, metadata = split(Path(path).read_bytes() if data is None else data)
        levels = levels_of(alone)
        if levels is not None:
            pixels = rgb_pixels(shallow(levels))
        else:
            with open_picture(alone) as picture:
                picture.load()
                metadata = metadata or metadata_of(picture)
                pixels = rgb_pixels(picture)
        return np.ascontiguousarray(turned(pixels, metadata.orientation if metadata else 1))


@contextmanager
def readable(path: str | Path) -> Generator[None]:
    """Turn whatever the block's reading of an image file fails with into one error that names the file.

    Raises:
        ImageError: If the file is missing, damaged, truncated, no image, or so large that Pillow suspects a
            decompression bomb. Errors of memory and of the disk, and what is not installed, are left as they are.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image that Pillow {Image.__version__} can read.") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{path} is larger than Pillow's limit of {Image.MAX_IMAGE_PIXELS} pixels, for files that are made to fill "
            "the memory. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, or give biasgan.enhance --huge."
        ) from error
    except (MemoryError, ImportError):
        raise
    except OSError as error:
        if error.errno is not None and error.errno not in MISSING_OR_FORBIDDEN:
            raise
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # On damaged files Pillow's readers raise nearly anything: SyntaxError, struct.error, IndexError …
        raise ImageError(f"{path} cannot be read: {str(error).rstrip('.') or type(error).__name__}.") from error


def open_picture(alone: bytes) -> Image.Image:
    """Read the head of an image file; a suspected decompression bomb is an error, and other warnings are silent.

    Args:
        alone: What `split` gives.
    """
    with no_warnings(Image.DecompressionBombWarning):
        Image.init()
        formats = [name for name in Image.OPEN if name not in NO_RASTER]
        try:
            return Image.open(io.BytesIO(alone), formats=formats)
        except Exception:
            # Pillow's reader of AVIF meets EXIF before the pixels, and on damaged tags raises nearly anything. What is
            # wrong beside them the second attempt raises.
            hidden = without_exif(alone)
            if hidden == alone:
                raise
            picture = Image.open(io.BytesIO(hidden), formats=formats)
            picture.info[HIDDEN] = True
            return picture


def metadata_of(picture: Image.Image) -> Metadata:
    """What Pillow read beside the pixels of a picture."""
    facts = cast(dict[str, Any], picture.info)
    exif = facts.get("exif")
    if exif is None:
        try:
            tags = picture.getexif()
            tags, _ = of_photograph(tags) if picture.format == "TIFF" else (tags, False)
            exif = tags.tobytes() if tags or any(map(tags.get_ifd, IFDS)) else None
        except MemoryError:
            raise
        except Exception:
            # On damaged tags Pillow raises nearly anything.
            exif = b"damaged"
    xmp, profile = facts.get("xmp") or facts.get("XML:com.adobe.xmp"), facts.get("icc_profile")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    # An MPO is a JPEG with a second picture for special displays.
    animated = bool(getattr(picture, "is_animated", False)) and picture.format != "MPO"
    remarks = (UNUSABLE_EXIF,) * (HIDDEN in facts)
    return Metadata(exif, xmp, profile or None, facts.get("dpi"), animated, remarks)


def shallow(levels: np.ndarray) -> Image.Image:
    """Pixels, (H, W, C) of 16 or 8 bits, as a picture of 8 bits by the rules of `read_image`."""
    if levels.dtype == np.uint16:
        levels = rounded(levels) if levels.shape[2] < 3 else (levels >> 8).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def rounded(levels: np.ndarray) -> np.ndarray:
    """16 bits → 8 bits."""
    return ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def rgb_pixels(picture: Image.Image) -> np.ndarray:
    """Convert a picture of any mode by the rules of `read_image`.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If its numbers have no range that could be mapped to 8 bits.
    """
    if picture.mode in DEEP_MODES:
        return np.repeat(rounded(grey_levels(picture))[..., np.newaxis], 3, axis=2)
    if picture.mode == "LAB":
        picture = from_lab(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def from_lab(picture: Image.Image) -> Image.Image:
    """CIE L*a*b* → sRGB."""
    cms = cast(Any, ImageCms)
    return cms.profileToProfile(picture, cms.createProfile("LAB"), cms.createProfile("sRGB"), outputMode="RGB")


def grey_levels(picture: Image.Image) -> np.ndarray:
    """The numbers of a grey picture of more than 8 bits.

    Returns:
        (H, W) uint16.

    Raises:
        ImageError: If they have no range that could be mapped to [0, 1].
    """
    if picture.mode == "F":
        raise ImageError("it holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    levels = np.asarray(picture)
    if levels.min() < 0 or levels.max() > 65535:
        raise ImageError("it holds 32-bit numbers beyond 0 to 65535; save it with 8 or 16 bits")
    return levels.astype(np.uint16)


def write_png(path: str | Path, array: np.ndarray) -> None:
    """Write pixels, (H, W, 3) uint8, as PNG, whole or not at all."""
    with atomic_write(Path(path)) as temporary:
        Image.fromarray(array).save(temporary, format="PNG")


def to_tensor(array: np.ndarray) -> "Tensor":
    """Pixels, (H, W, 3) uint8 → (3, H, W) float32 in [0, 1]."""
    import torch

    return torch.tensor(array).permute(2, 0, 1).float().div(255)


def to_uint8(image: "Tensor") -> np.ndarray:
    """Image, (3, H, W) in [0, 1], on any device → pixels, (H, W, 3) uint8; what lies outside is clamped."""
    import torch

    levels = image.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().cpu().numpy()


def pad_to_multiple(image: "Tensor", multiple: int, least: int = 1) -> "Tensor":
    """Extend images at the bottom and at the right until both sides are multiples of a number and large enough.

    By reflection, or by repetition where a side is too short to reflect. `[..., :H, :W]` crops back.

    Args:
        image: (N, C, H, W), floating point.
        multiple: In pixels, at least 1.
        least: No side is shorter than this afterwards.

    Returns:
        (N, C, ≥ H, ≥ W).
    """
    from torch.nn import functional

    height, width = image.shape[-2:]
    bottom, right = (-(-max(side, least) // multiple) * multiple - side for side in (height, width))
    image = functional.pad(image, (0, right, 0, 0), mode="reflect" if right < width else "replicate")
    return functional.pad(image, (0, 0, 0, bottom), mode="reflect" if bottom < height else "replicate")
