from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from biasgan.data.order import ImageOrder
from biasgan.data.pairs.entry import Entry
from biasgan.data.samplers import Sample


class Pair(NamedTuple):
    """Compressed images and their originals, pixel by pixel in the same place.

    As datasets deliver them: (N, H, W, 3) uint8. As training steps get them: (N, 3, H, W) float32 in [0, 1].

    Attributes:
        compressed: After decoding.
        original: Before coding.
        index: Numbers of the images in their set, (N,) int64; -1 where they have none.
    """

    compressed: Tensor
    original: Tensor
    index: Tensor  # pyright: ignore[reportIncompatibleMethodOverride] - nobody searches a pair for a tensor

    def __reduce__(self) -> tuple[Callable[[Tensor, np.ndarray], "Pair"], tuple[Tensor, np.ndarray]]:
        # Each tensor that a worker sends costs a handshake between processes, more than cutting several crops.
        return unpacked, (torch.stack([self.compressed, self.original]), self.index.cpu().numpy())


def unpacked(images: Tensor, index: np.ndarray) -> Pair:
    """A pair after its way between two processes."""
    return Pair(images[0], images[1], torch.tensor(index))


def as_pair(batch: object) -> Pair:
    """A batch as training steps get them, of images that come without their numbers.

    Args:
        batch: A tuple or list (compressed, original), each (N, 3, H, W) floating-point in [0, 1]; or a `Pair`.

    Raises:
        ValueError: If it is another thing.
    """
    if isinstance(batch, Pair):
        return batch
    parts = cast("list[object]", batch) if isinstance(batch, list | tuple) else [batch]
    images = [part for part in parts if isinstance(part, Tensor) and part.is_floating_point()]
    shapes = [tuple(image.shape) for image in images]
    if len(parts) != 2 or len(shapes) != 2 or shapes[0] != shapes[1] or [*shapes[0][1:2], len(shapes[0])] != [3, 4]:
        came = [f"{tuple(p.shape)} {p.dtype}" if isinstance(p, Tensor) else type(p).__name__ for p in parts]
        raise ValueError(
            "A batch is (compressed, original), each (N, 3, H, W) floating-point in [0, 1]; got "
            f"{', '.join(came) or 'nothing'}."
        )
    compressed, original = (image.float().contiguous(memory_format=torch.channels_last) for image in images)
    return Pair(compressed, original, torch.full((len(original),), -1))


def check_images(batch: Pair) -> None:
    """Refuse images that are surely not in [0, 1]: a little beyond, as after an interpolation, does no harm.

    Raises:
        ValueError: Says what range they have.
    """
    for name, image in batch._asdict().items():
        least, most = (extreme.item() for extreme in image.aminmax())
        if name != "index" and not (least > -0.5 and most < 1.5):
            raise ValueError(f"Images are in [0, 1]; the {name} ones of the first batch are in [{least:g}, {most:g}].")


class PairDataset(Dataset[Pair]):
    """Aligned crops of coded images, cut anywhere, not on the codec's grid, in one of eight orientations.

    What a sample shows depends on the seed, its iteration and its slot alone: not on how many workers or processes
    there are, nor on where a training was resumed. Every image is shown once before any is shown again.

    Args:
        entries: Images to cut from, neither side shorter than `patch_size`.
        patch_size: Side of a crop in pixels.
        batch_size: Samples in an iteration, of all processes together.
        order: In which images are shown; its seed is that of the crops too.
    """

    def __init__(self, entries: Sequence[Entry], patch_size: int, batch_size: int, order: ImageOrder) -> None:
        self.entries = entries
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.order = order

    def __getitems__(self, samples: list[Sample]) -> Pair:
        """Cut a batch.

        Returns:
            Crops of (N, P, P, 3) uint8.
        """
        size = self.patch_size
        compressed = torch.empty((len(samples), size, size, 3), dtype=torch.uint8)
        original = torch.empty_like(compressed)
        index = torch.empty(len(samples), dtype=torch.int64)
        for place, sample in enumerate(samples):
            number = self.image_number(sample)
            entry = self.entries[number]
            crop = self.crop(sample, entry)
            compressed_pixels, original_pixels = entry.pixels()
            cut(compressed_pixels, crop, size, compressed[place].numpy())
            cut(original_pixels, crop, size, original[place].numpy())
            index[place] = number
        return Pair(compressed, original, index)

    def image_number(self, sample: Sample) -> int:
        """Which image a sample is cut from."""
        return self.order.image(sample.iteration * self.batch_size + sample.slot)

    def crop(self, sample: Sample, entry: Entry) -> "Crop":
        """Where a sample is cut from its image, and how it is turned."""
        top, left, turn = uniform(self.order.seed, sample.iteration, self.batch_size)[sample.slot]
        return Crop(
            int(top * (entry.height - self.patch_size + 1)),
            int(left * (entry.width - self.patch_size + 1)),
            int(turn * 8),
        )


class ValidationPairs(Dataset[Pair]):
    """Whole images, one at a time.

    Args:
        entries: The images.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def __getitem__(self, index: int) -> Pair:
        """One image, (H, W, 3) uint8 twice, and its number."""
        entry = self.entries[index]
        compressed, original = entry.pixels()
        return Pair(torch.tensor(compressed), torch.tensor(original), torch.tensor(index))

    def __len__(self) -> int:
        return len(self.entries)


class Crop(NamedTuple):
    """Part of an image: its corner in pixels and its orientation from 0 to 7."""

    top: int
    left: int
    turn: int


def cut(pixels: np.ndarray, crop: Crop, size: int, out: np.ndarray) -> None:
    """Copy a square of an image, flipped and transposed.

    Args:
        pixels: (H, W, 3) uint8.
        crop: Turned upside down for bit 0 of its orientation, left to right for bit 1, then transposed for bit 2.
        size: Side of the square.
        out: (P, P, 3) uint8.
    """
    square = pixels[crop.top : crop.top + size, crop.left : crop.left + size]
    if crop.turn & 1:
        square = square[::-1]
    if crop.turn < 2:
        out[:] = square
        return
    # NumPy turns a small copy faster than a part of an image, and three planes faster than pixels of three bytes.
    square = np.ascontiguousarray(square)
    if crop.turn & 2:
        square = square[:, ::-1]
    if crop.turn & 4:
        square = square.transpose(1, 0, 2)
    for channel in range(3):
        out[..., channel] = square[..., channel]


@lru_cache(maxsize=4)
def uniform(seed: int, iteration: int, samples: int) -> list[list[float]]:
    """Three random numbers in [0, 1) for each sample of an iteration."""
    # Keyed and counter-based: no state to advance, and made in 10 µs.
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, iteration], dtype=np.uint64)))
    return generator.random((samples, 3)).tolist()
