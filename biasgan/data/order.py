from collections.abc import Sequence
from functools import lru_cache

import numpy as np


class ImageOrder:
    """In which order a training shows its images: every image once in a pass, each pass in another order.

    A pure function of seed and pass, so that it needs no state to go on from.

    Args:
        chunks: How many images lie together in each place, the images numbered through. One place is one chunk.
        window: How many chunks are at hand at a time: these are mixed with each other, one window after the other.
        seed: At least 0.
    """

    def __init__(self, chunks: Sequence[int], window: int, seed: int) -> None:
        self.chunks = tuple(chunks)
        self.window = window
        self.seed = seed
        self.images = sum(chunks)

    def image(self, place: int) -> int:
        """The image at a place of all passes, one after the other."""
        number, place = divmod(place, self.images)
        return int(order_of(self, number)[place])


@lru_cache(maxsize=16)
def order_of(order: ImageOrder, number: int) -> np.ndarray:
    """All images in the pass of this number, (images,) int64."""
    random = np.random.default_rng([order.seed, number])
    if order.window >= len(order.chunks):
        return random.permutation(order.images)
    chunk_of = np.repeat(np.arange(len(order.chunks)), order.chunks)
    shuffled = random.permutation(len(order.chunks))
    windows = [shuffled[start : start + order.window] for start in range(0, len(shuffled), order.window)]
    return np.concatenate([random.permutation(np.flatnonzero(np.isin(chunk_of, window))) for window in windows])
