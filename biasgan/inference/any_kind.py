"""Restore an image in whatever form it is given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from biasgan.inference.photo import Photo, of_picture, read_photo

AnyImage = str | Path | Image.Image | np.ndarray | Tensor
Restore = Callable[[Tensor], Tensor]
"""(3, H, W) float32 in [0, 1] on the CPU → same."""


def restore_any(restore: Restore, image: AnyImage, strength: float) -> Image.Image | np.ndarray | Tensor:
    """Restore an image and give it back in the form it came in; see `Restorer.__call__`.

    Raises:
        ImageError: If a file or picture cannot be used.
        TypeError: If it is of another type.
        ValueError: If its shape, its range or the strength is wrong.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be from 0, the image as it is, to 1, fully restored; got {strength}.")
    if isinstance(image, str | Path):
        return restore_photo(restore, read_photo(image), strength).picture
    if isinstance(image, Image.Image):
        return restore_photo(restore, of_picture(image), strength).picture
    if isinstance(image, np.ndarray):
        return restore_array(restore, image, strength)
    if isinstance(image, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may have no type checker
        return restore_tensor(restore, image, strength)
    raise TypeError(f"expected a path, a PIL image, a NumPy array or a tensor, got {type(image).__name__}.")


def restore_photo(restore: Restore, photo: Photo, strength: float) -> Photo:
    """Restore the colours of a photograph; its alpha stays as it is."""
    image = photo.to_image()
    return photo.with_image(torch.lerp(image, restore(image), strength))


def restore_array(restore: Restore, array: np.ndarray, strength: float) -> np.ndarray:
    """Restore (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, or floating-point numbers in [0, 1]."""
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in ((1,), (3, 4))[array.ndim - 2] or 0 in array.shape:
        raise ValueError(f"expected an array (H, W), (H, W, 3) or (H, W, 4), got {array.shape}.")
    grey, alpha = array.ndim == 2, array[..., 3] if channels == 4 else None
    colour = np.broadcast_to(array[..., np.newaxis], (*array.shape, 3)) if grey else array[..., :3]
    if array.dtype.name in ("uint8", "uint16"):
        restored = restore_photo(restore, Photo(colour, grey, alpha), strength).pixels
        return np.ascontiguousarray(restored[..., 0] if grey else restored)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected an array of uint8, uint16, or floating-point numbers in [0, 1], got {array.dtype}.")
    image = torch.from_numpy(colour.astype(np.float32)).permute(2, 0, 1)  # pyright: ignore[reportUnknownMemberType] - partial stubs
    check_range(image)
    restored = torch.lerp(image, restore(image), strength)
    if grey:
        return restored.mean(0).numpy().astype(array.dtype)
    result = restored.permute(1, 2, 0).numpy().astype(array.dtype)
    return result if alpha is None else np.dstack([result, alpha])


def restore_tensor(restore: Restore, images: Tensor, strength: float) -> Tensor:
    """Restore (3, H, W) or (N, 3, H, W), floating point in [0, 1]."""
    if images.ndim not in (3, 4) or images.shape[-3] != 3 or 0 in images.shape or not images.is_floating_point():
        raise ValueError(
            f"expected a tensor (3, H, W) or (N, 3, H, W) of floating-point numbers in [0, 1], "
            f"got {tuple(images.shape)} {str(images.dtype).removeprefix('torch.')}."
        )
    check_range(images)
    batch = images.detach().reshape(-1, *images.shape[-3:])
    restored = (torch.lerp(image, restore(image), strength) for image in batch.float().cpu())
    return torch.stack(list(restored)).reshape(images.shape).to(images)


def check_range(image: Tensor) -> None:
    """Refuse numbers that are no image.

    Raises:
        ValueError: If some lie outside [0, 1], or are no numbers.
    """
    lowest, highest = image.min().item(), image.max().item()
    if not (lowest >= 0 and highest <= 1):
        raise ValueError(f"expected numbers in [0, 1], got {lowest:g} to {highest:g}.")
