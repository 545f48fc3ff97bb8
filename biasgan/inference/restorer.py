import copy
from functools import cached_property
from math import isqrt
from pathlib import Path
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from biasgan.inference.any_kind import AnyImage, restore_any
from biasgan.inference.devices import find_device, find_precision
from biasgan.inference.early_exit import to_the_last_exit
from biasgan.inference.memory import bytes_per_pixel, free_memory, is_out_of_memory
from biasgan.inference.precision import BF16
from biasgan.inference.tiles import Progress, TileNeeds, restore_tiles, smallest_tile, spans
from biasgan.networks import any_size
from biasgan.system.memory import keep_freed_memory

USUAL_OVERLAP = 32
"""Pixels that a tile reaches beyond a seam, of networks that see farther."""
SHARE = 0.5
"""Of the free memory that tiles may take."""
CPU_TILE = 768
"""Largest side of a tile on the CPU, where larger ones bring nothing."""


class Restorer:
    """Restores images of any size, on any device, in the memory that there is.

    Args:
        generator: Takes and gives (1, 3, H, W), and states what sizes it takes, see `any_size`, and what tiles, see
            `tiles`. It is copied.
        device: As PyTorch names it, or `auto`: a GPU if there is one.
        precision: `32`, `bf16`, or `auto`: bf16 where the processor computes it.
        tile: Side of the tiles that an image is cut into, in pixels; None for as large as memory allows and is fast.
            It is halved whenever memory runs out.
        overlap: How far each tile reaches beyond its seams, in pixels; None for as far as the network sees, at most
            32. With as much as the network sees, the result is that of the whole image.

    Attributes:
        device: Where it restores.
        precision: `32` or `bf16`.
        tile: As given, or as large as memory turned out to suffice for.
        overlap: In pixels.

    Raises:
        ValueError: If there is no such device or precision, or the tile is too small for the overlap.

    Examples:
        >>> import torch
        >>> from biasgan import ARCNN, Restorer
        >>> restore = Restorer(ARCNN(), device="cpu")  # any network that you have trained
        >>> restore(torch.rand(3, 20, 30)).shape
        torch.Size([3, 20, 30])
    """

    def __init__(
        self,
        generator: nn.Module,
        device: str = "auto",
        precision: str = "auto",
        tile: int | None = None,
        overlap: int | None = None,
    ) -> None:
        self.device = find_device(device)
        self.precision = find_precision(precision, self.device)
        self._needs = TileNeeds.of(generator)
        sight = self._needs.receptive_field
        self.overlap = min(USUAL_OVERLAP, USUAL_OVERLAP if sight is None else sight) if overlap is None else overlap
        self.tile = tile
        least = smallest_tile(self.overlap, self._needs)
        if tile is not None and tile < least:
            raise ValueError(f"tile={tile} is too small for overlap={self.overlap}: expected at least {least}")
        self._given = copy.deepcopy(generator).eval()
        self._given.to(self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - of modules too
        keep_freed_memory()

    @overload
    def __call__(self, image: str | Path | Image.Image, strength: float = 1) -> Image.Image: ...
    @overload
    def __call__(self, image: np.ndarray, strength: float = 1) -> np.ndarray: ...
    @overload
    def __call__(self, image: Tensor, strength: float = 1) -> Tensor: ...

    def __call__(self, image: AnyImage, strength: float = 1) -> Image.Image | np.ndarray | Tensor:
        """Restore an image in the form in which there is one.

        Args:
            image: A path; a PIL image; an array (H, W), (H, W, 3) or (H, W, 4), the last channel of which is alpha, of
                uint8, uint16, or floating-point numbers in [0, 1]; or a tensor (3, H, W) or (N, 3, H, W) of the latter.
            strength: From 0, which gives the image as it is, to 1, which gives it fully restored.

        Returns:
            For a path or a PIL image a PIL image, turned as EXIF says, with colour profile and EXIF in its `info`: L,
            LA, I;16, RGB or RGBA, whichever is nearest, since Pillow has no more than 8 bits of colour. An array or
            tensor for one, of the same shape, type and device. Alpha is not restored.

        Raises:
            ImageError: If a file or picture cannot be used.
            TypeError: If it is of another type.
            ValueError: If its shape, its range or the strength is wrong.
        """
        return restore_any(self.restore, image, strength)

    @torch.inference_mode()
    def restore(self, image: Tensor, progress: Progress | None = None) -> Tensor:
        """Restore an image.

        Args:
            image: (3, H, W) float32 in [0, 1], on the CPU.
            progress: Told after each tile how many are done, and of how many; from the start again where memory ran
                out and the tiles become smaller.

        Returns:
            The same shape, clamped to [0, 1], on the CPU.

        Raises:
            ArithmeticError: If the network gives infinities or NaN, in fp32 too.
            MemoryError: If memory does not suffice for the smallest tiles.
            ValueError: If the image is none.
        """
        check_image(image)
        tile = self.tile or self._fitting_tile(image)
        while True:
            rows, columns = (spans(side, tile, self.overlap, self._needs) for side in image.shape[-2:])
            try:
                return restore_tiles(self._restore_tile, image, rows, columns, progress)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failed = str(error).splitlines()[0] if str(error) else type(error).__name__
            largest = max(span.stop - span.start for span in (*rows, *columns))
            least = smallest_tile(self.overlap, self._needs)
            if largest <= least:
                raise MemoryError(f"{self.device} has not enough memory, even for tiles of {largest} pixels: {failed}")
            tile = self.tile = max(largest // 2, least)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _restore_tile(self, piece: Tensor) -> Tensor:
        """Restore a tile, (3, h, w) on the CPU; one that bf16 cannot express in fp32."""
        image = piece[None].to(self.device, memory_format=torch.channels_last)
        restored = any_size.restore(self.network, image)
        if self.precision == "bf16" and not restored.isfinite().all():
            restored = any_size.restore(self._given, image)
        if not restored.isfinite().all():
            raise ArithmeticError(f"{type(self._given).__name__} gives infinities or NaN.")
        return restored[0].clamp_(0, 1).cpu()

    @cached_property
    def network(self) -> nn.Module:
        """What restores tiles: the generator in this precision."""
        return BF16(self._given) if self.precision == "bf16" else self._given

    @cached_property
    def _bytes_per_pixel(self) -> float:
        network = to_the_last_exit(self._given)
        return bytes_per_pixel(BF16(network) if self.precision == "bf16" else network, self.device)

    def _fitting_tile(self, image: Tensor) -> int:
        """Side of the largest tiles that memory suffices for and that are fast."""
        pixels = int(SHARE * free_memory(self.device) / self._bytes_per_pixel)
        height, width = image.shape[-2:]
        if self.device.type != "cpu" and height * width <= pixels:
            return max(height, width) + self._needs.multiple_of
        side = isqrt(pixels) if self.device.type != "cpu" else min(isqrt(pixels), CPU_TILE)
        return max(side, smallest_tile(self.overlap, self._needs))


def check_image(image: Tensor) -> None:
    """Refuse what is no image.

    Raises:
        ValueError: If it is not (3, H, W) float32 with pixels.
    """
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or image.dtype != torch.float32:
        raise ValueError(f"expected an image, (3, H, W) float32, got {tuple(image.shape)} {image.dtype}")
