from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biasgan.codecs.jpeg import JPEG
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.sets import ImageSet
from biasgan.io.images import write_png

MakeImages = Callable[..., list[Path]]


def coded_entries(sources: list[Path], store: Path) -> list[StoredEntry]:
    """JPEG pairs of some images."""
    pairs = CodedPairs(ImageSet(sources, sources), JPEG(), 20, store)
    return [pairs.make(source) for source in pairs.sources[0]]


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """Make noisy images of different sizes in a folder."""

    def make(count: int, height: int = 70, width: int = 90, folder: str = "images") -> list[Path]:
        (tmp_path / folder).mkdir(exist_ok=True)
        files = [tmp_path / folder / f"{number:02}.png" for number in range(count)]
        for number, file in enumerate(files):
            rng = np.random.default_rng([number, *folder.encode()])
            coarse = rng.integers(0, 256, (height // 4 + number + 1, width // 4 + 1, 3), dtype=np.uint8)
            write_png(file, coarse.repeat(4, axis=0).repeat(4, axis=1)[: height + number, :width])
        return files

    return make


@pytest.fixture
def images(make_images: MakeImages) -> ImageSet:
    """Five noisy images to train with, two for validation."""
    files = make_images(7)
    return ImageSet(files[:5], files[5:])
