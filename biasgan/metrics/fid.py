"""Distances between two sets of images by features of Inception-v3: FID, FID of patches, KID."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import ClassVar, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from biasgan.io.images import to_uint8
from biasgan.io.weight_files import WeightsError, checked
from biasgan.metrics.iqa import FetchingError, inception, pyiqa_version
from biasgan.metrics.metric import SuiteMetric
from biasgan.metrics.protocol import Protocol
from biasgan.metrics.sizes import SMALLEST_SIDES

SIDE = 299
PATCH = 256
ENOUGH = 2048
"""Vectors from which on a covariance of 2048 features has full rank."""

CHUNK = 16
"""Pictures whose features are computed at once."""

_RESIZED = "each channel resized to 299 x 299 by Pillow's bicubic filter, clipped (clean-fid)"
_SETS = "all images with all originals"
_INCEPTION = "features of the Inception-v3 of the first FID (2048, last pooling)"


class SetMetric(SuiteMetric):
    """A distance between the features of all images and those of all originals; lower is better.

    The features are those of clean-fid (Parmar et al., On Aliased Resizing and Surprising Subtleties in GAN Evaluation,
    CVPR 2022), which pyiqa has by default.

    Attributes:
        user: Name under which `weight_files` knows it.
    """

    user: ClassVar[str]
    image_features: list[Tensor]
    original_features: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("image_features", "original_features"):
            self.add_state(name, [], dist_reduce_fx="cat")  # pyright: ignore[reportUnknownMemberType] - bare list
        # In a tuple, so that it is no part of checkpoints where a training has this metric.
        self._features: tuple[Callable[[Tensor], Tensor], ...] = ()
        try:
            release = f"biasgan, features of pyiqa {pyiqa_version()}"
            self.protocol = replace(self.protocol, library=release, weights=checked(self.user))
            self._features = (inception(),)
        except (ImportError, WeightsError, FetchingError) as error:
            self.unavailable = str(error)

    def pictures(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """What of an image, (H, W, 3) uint8, gives one vector of features each: all of it."""
        yield image

    def update(self, image: Tensor, original: Tensor) -> None:
        """Take images in.

        Args:
            image: (N, 3, H, W) in [0, 1], rounded to 8 bits.
            original: The same shape.

        Raises:
            RuntimeError: If the metric is unavailable.
        """
        if self.unavailable:
            raise RuntimeError(self.unavailable)
        for one, other in zip(image, original, strict=True):
            self.image_features.append(self.features(one))
            self.original_features.append(self.features(other))

    def features(self, image: Tensor) -> Tensor:
        """Features of an image, (3, H, W) in [0, 1] → (vectors, 2048)."""
        pictures = self.pictures(to_uint8(image))
        vectors: list[Tensor] = []
        while some := [resize(picture) for picture in islice(pictures, CHUNK)]:
            batch = torch.tensor(np.stack(some)).permute(0, 3, 1, 2).to(image.device)
            vectors.append(self._features[0]((batch - 128) / 128))
        return torch.cat(vectors)

    def compute(self) -> Tensor:
        """The distance.

        Warns:
            UserWarning: If there are too few vectors to compare with sets of another size.
        """
        sets = [torch.cat(list(features)).double() for features in (self.image_features, self.original_features)]
        if few := caution(self.protocol.metric, len(sets[0])):
            warnings.warn(few, stacklevel=2)
        return self.distance(*sets).float()

    @abstractmethod
    def distance(self, image: Tensor, original: Tensor) -> Tensor:
        """The distance between two sets of features, (N, D) and (M, D), float64."""


class FID(SetMetric):
    """Fréchet inception distance of whole images, each of which gives one vector.

    Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, NeurIPS 2017.
    """

    user = "fid"
    protocol = Protocol(
        "FID", f"whole images, {_RESIZED}; {_INCEPTION}", False, "pyiqa", _SETS, over_images="one number"
    )

    def distance(self, image: Tensor, original: Tensor) -> Tensor:
        """Fréchet distance, see `frechet_distance`."""
        return frechet_distance(image, original)


class PatchFID(FID):
    """FID of all patches of 256 pixels on two grids, the second shifted by half a patch.

    Mentzer et al., High-Fidelity Generative Image Compression, NeurIPS 2020.
    """

    user = "patch_fid"
    protocol = replace(
        FID.protocol,
        metric="patch FID",
        variant=f"patches of {PATCH} on two grids, shifted by {PATCH // 2}, {_RESIZED}; {_INCEPTION}",
        crop="what is left of the grids",
    )
    smallest_side = SMALLEST_SIDES["PatchFID"]

    def pictures(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """All patches of an image.

        Raises:
            ValueError: If it is smaller than one.
        """
        height, width = image.shape[:2]
        if min(height, width) < PATCH:
            raise ValueError(f"patch FID needs sides of at least {PATCH} pixels; got {width} x {height}.")
        for shift in (0, PATCH // 2):
            for top in range(shift, height - PATCH + 1, PATCH):
                for left in range(shift, width - PATCH + 1, PATCH):
                    yield image[top : top + PATCH, left : left + PATCH]


class KID(SetMetric):
    """Kernel inception distance of whole images: unbiased also for few, and negative at times.

    Binkowski et al., Demystifying MMD GANs, ICLR 2018; over all images at once rather than over random parts of them,
    so that it is the same every time.
    """

    user = "kid"
    protocol = replace(
        FID.protocol,
        metric="KID",
        variant=f"whole images, {_RESIZED}; {_INCEPTION}; cubic kernel, all pairs, not x 1000",
    )

    def distance(self, image: Tensor, original: Tensor) -> Tensor:
        """Unbiased squared maximum mean discrepancy, kernel (x · y / D + 1)³, of as many images as originals."""
        return poly_mmd(image, original)


def caution(metric: str, vectors: int) -> str:
    """What to heed with a distance between sets of so many vectors; empty if nothing."""
    if vectors >= ENOUGH:
        return ""
    return f"{metric} of {vectors} vectors, fewer than {ENOUGH}: compare it with values of equally many images only."


def resize(picture: np.ndarray) -> np.ndarray:
    """Resize as clean-fid: each channel by itself, in floating point, with a filter as wide as the reduction asks.

    Args:
        picture: (H, W, 3) uint8.

    Returns:
        (299, 299, 3) float32 in [0, 255].
    """
    channels = (Image.fromarray(picture[..., channel].astype(np.float32)) for channel in range(3))
    resized = [np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for channel in channels]
    return np.stack(resized, axis=2).clip(0, 255)


def frechet_distance(image: Tensor, original: Tensor) -> Tensor:
    """Squared Wasserstein distance between the normal distributions of two sets of vectors.

    The trace of the root of the product of both covariances is the sum of the singular values of the product of both
    centred sets. That is exact where covariances are singular, because there are fewer vectors than dimensions, and
    where a matrix square root needs help.

    Args:
        image: (N, D), N at least 2.
        original: (M, D), M at least 2.

    Returns:
        A number, at least 0 but for rounding.
    """
    means = image.mean(0) - original.mean(0)
    one, other = _root(image), _root(original)
    together = cast(Tensor, torch.linalg.matrix_norm(one @ other.T, "nuc"))  # pyright: ignore[reportUnknownMemberType] - untyped
    return means.square().sum() + one.square().sum() + other.square().sum() - 2 * together


def _root(features: Tensor) -> Tensor:
    """A matrix R of at most D rows with Rᵀ R the covariance of vectors, (N, D)."""
    centred = (features - features.mean(0)) / (len(features) - 1) ** 0.5
    if len(features) <= features.shape[1]:
        return centred
    return cast(Tensor, torch.linalg.qr(centred, mode="r")[1])  # pyright: ignore[reportUnknownMemberType] - untyped
