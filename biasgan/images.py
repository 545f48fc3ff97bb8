import errno
import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from biasgan.files import atomic_write
from biasgan.silence import no_warnings

if TYPE_CHECKING:
    # Half a gigabyte, of no use to those who only read images.
    from torch import Tensor

DEEP_MODES = ("F", "I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of more than 8 bits; all of them are grey."""
MISSING_OR_FORBIDDEN = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR)


class ImageError(ValueError):
    """An image, or a set of images, that cannot be used; the message names the file and the reason."""


def read_image(path: str | Path, data: bytes | None = None) -> np.ndarray:
    """Read an image file as 8-bit RGB.

    The picture is turned as its EXIF orientation says. Grey becomes three equal channels, palettes and CMYK are
    converted as Pillow does, transparency is laid on white, and 16-bit grey is divided by 257 and rounded (of 16-bit
    colour Pillow reads the upper bytes). Of several frames it is the first. Colour profiles are not applied.

    Args:
        path: A file of any format that Pillow opens.
        data: Its content, where that has been read already.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If the file is missing, damaged, truncated, no image, of floating-point numbers, or so large that
            Pillow suspects a decompression bomb.
    """
    with readable(path), open_picture(path if data is None else io.BytesIO(data)) as picture:
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return rgb_pixels(picture)


@contextmanager
def readable(path: str | Path) -> Generator[None]:
    """Turn whatever the block's reading of an image file fails with into one error that names the file.

    Raises:
        ImageError: If the file is missing, damaged, truncated, no image, or so large that Pillow suspects a
            decompression bomb. Errors of memory and of the disk are left as they are.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image that Pillow {Image.__version__} can read.") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{path} is larger than Pillow's limit of {Image.MAX_IMAGE_PIXELS} pixels, for files that are made to fill "
            "the memory. If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS."
        ) from error
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None and error.errno not in MISSING_OR_FORBIDDEN:
            raise
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # On damaged files Pillow's readers raise nearly anything: SyntaxError, struct.error, IndexError …
        raise ImageError(f"{path} cannot be read: {error or type(error).__name__}.") from error


def open_picture(file: str | Path | io.BytesIO) -> Image.Image:
    """Read the head of an image file; a suspected decompression bomb is an error, and other warnings are silent."""
    with no_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(file)


def rgb_pixels(picture: Image.Image) -> np.ndarray:
    """Convert a picture of any mode by the rules of `read_image`.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If its numbers have no range that could be mapped to 8 bits.
    """
    if picture.mode in DEEP_MODES:
        levels = grey_levels(picture).astype(np.uint32)
        grey = ((levels + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


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
