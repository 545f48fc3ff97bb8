"""Pairs that the other examples train with: squares of photographs that come with scikit-image, coded whole."""

import numpy as np
import torch
from skimage import data
from torch import Tensor
from torch.utils.data import TensorDataset

from biasgan import JPEG, Codec


def pairs(size: int = 64, codec: Codec | None = None, quality: int = 20) -> TensorDataset:
    """A dataset of tuples (compressed, original), each (3, size, size) float32 in [0, 1]."""
    codec = codec or JPEG()
    originals = [data.astronaut(), data.coffee(), data.rocket()]
    compressed = [codec.encode(original, quality).image for original in originals]
    return TensorDataset(squares(compressed, size), squares(originals, size))


def squares(photographs: list[np.ndarray], size: int) -> Tensor:
    """Cut (H, W, 3) uint8 into (N, 3, size, size) float32 in [0, 1]; remainders are left out."""
    cut = [torch.from_numpy(photograph).unfold(0, size, size).unfold(1, size, size) for photograph in photographs]
    return torch.cat([grid.flatten(0, 1) for grid in cut]) / 255
