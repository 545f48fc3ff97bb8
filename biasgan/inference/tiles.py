"""Restore an image tile by tile, without seams."""

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from math import lcm
from typing import NamedTuple

import torch
from torch import Tensor, nn

from biasgan.networks.any_size import SizeNeeds

Progress = Callable[[int, int], None]
"""Told after each tile how many are done, and of how many."""


class TileNeeds(NamedTuple):
    """What a network asks of tiles, in pixels."""

    multiple_of: int
    """Sides of what it takes."""
    alignment: int
    """Where tiles begin, and what their sides are equal to modulo, so that its coarsest grid lies as on the whole."""
    receptive_field: int | None
    """How far a pixel of the result sees to each side; None if there is no limit."""

    @classmethod
    def of(cls, network: nn.Module) -> "TileNeeds":
        """Those that a network states in its attributes; one that states none takes any, and may see all."""
        multiple = SizeNeeds.of(network).multiple_of
        alignment = int(getattr(network, "alignment", multiple))
        return cls(multiple, lcm(alignment, multiple), getattr(network, "receptive_field", None))


class Span(NamedTuple):
    """A side of a tile."""

    start: int
    stop: int
    weights: Tensor
    """Share of the tile in each of its pixels, (stop - start,); those of all tiles add up to 1."""


def spans(length: int, tile: int, overlap: int, needs: TileNeeds) -> list[Span]:
    """Divide a side of an image among as few tiles as can be, and these as small as can be.

    All have the same size, and the first and the last end where the image ends, so that nowhere but there a network
    meets its own padding. Each reaches at least `overlap` pixels beyond the seam with its neighbour. Where a network
    sees no farther, only pixels that see no end of the tile count, and the result is that of the whole image.
    Otherwise the half of the overlap that is nearest to the end of a tile does not count, and the rest blends.

    Args:
        length: Of the image's side, in pixels.
        tile: What a tile's side may be at most.
        overlap: In pixels.
        needs: Of the network.

    Raises:
        ValueError: If tiles of that size with that overlap would get nowhere.
    """
    multiple, alignment, sight = needs
    padded = -(-length // multiple) * multiple
    if padded <= tile:
        return [Span(0, length, torch.ones(length))]
    remainder = padded % alignment
    sizes = [
        size
        for size in range(remainder, min(tile, padded - alignment) + 1, alignment)
        if size - 2 * overlap >= alignment
    ]
    if not sizes:
        least = smallest_tile(overlap, needs)
        raise ValueError(f"tile={tile} is too small for overlap={overlap}: expected at least {least}")
    steps = {size: -(-(padded - size) // ((size - 2 * overlap) // alignment * alignment)) for size in sizes}
    fewest = steps[sizes[-1]]
    size = next(size for size in sizes if steps[size] == fewest)
    starts = [(padded - size) // alignment * number // fewest * alignment for number in range(fewest + 1)]
    seams = [(start + before + size) / 2 for before, start in pairwise(starts)]
    ignored = sight if sight is not None and sight <= overlap else overlap // 2
    positions = torch.arange(padded, dtype=torch.float64) + 0.5
    rises = [((positions - seam) / max(2 * (overlap - ignored), 1) + 0.5).clamp(0, 1) for seam in seams]
    edges = pairwise([torch.ones_like(positions), *rises, torch.zeros_like(positions)])
    stops = [min(start + size, length) for start in starts]
    return [
        Span(start, stop, (rise - fall)[start:stop].float())
        for start, stop, (rise, fall) in zip(starts, stops, edges, strict=True)
    ]


def smallest_tile(overlap: int, needs: TileNeeds) -> int:
    """The smallest `tile` that any image can be divided into with an overlap."""
    return 2 * overlap + 2 * needs.alignment


def restore_tiles(
    restore: Callable[[Tensor], Tensor],
    image: Tensor,
    rows: Sequence[Span],
    columns: Sequence[Span],
    progress: Progress | None = None,
) -> Tensor:
    """Restore tiles one at a time and put them together.

    Args:
        restore: Restores (3, h, w).
        image: (3, H, W), float32.
        rows: Of its height.
        columns: Of its width.
        progress: Told about each tile.

    Returns:
        The same shape.
    """
    restored = torch.zeros_like(image)
    count = len(rows) * len(columns)
    for done, (row, column) in enumerate(product(rows, columns), 1):
        area = (slice(None), slice(row.start, row.stop), slice(column.start, column.stop))
        restored[area].addcmul_(restore(image[area]), row.weights[:, None] * column.weights)
        if progress:
            progress(done, count)
    return restored
