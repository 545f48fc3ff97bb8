from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from biasgan.analysis.disparity import Disparity, pixel_distance
from biasgan.analysis.patches import patches_of
from biasgan.analysis.realism import score_image
from biasgan.analysis.triangle import Triangle, side_lengths
from biasgan.evaluation.judge import PATCH, Judge
from biasgan.io.checksums import sha256_of_json
from biasgan.io.images import to_tensor
from biasgan.losses.perceptual import feature_distance
from biasgan.metrics.fid import SetMetric
from biasgan.metrics.metric import ImageMetric
from biasgan.metrics.suite import Suite
from biasgan.networks.vgg_features import Features, VGGFeatures

CHUNK = 8
"""Patches whose features are in memory at once."""
LPIPS, FID = "lpips", "fid"
"""Metrics of a suite that are distances of a triangle too."""


class Measures:
    """All that is measured on an image; what is known only of all images is computed of it later, see `Findings`.

    Args:
        suite: Metrics of whole images and of whole sets.
        features: Has all layers.
        layers: Weight of each layer in distances of features.
        judge: None if what is evaluated has no discriminator.
        patches: Features are compared of at most so many patches an image, evenly spread; None takes all.
    """

    def __init__(
        self,
        suite: Suite,
        features: VGGFeatures,
        layers: Mapping[str, float],
        judge: Judge | None = None,
        patches: int | None = 16,
    ) -> None:
        self.suite = suite
        self.features = features
        self.layers = dict(layers)
        self.judge = judge
        self.patches = patches
        self.device = torch.device("cpu")

    @property
    def protocols(self) -> dict[str, dict[str, Any]]:
        """What the number of each metric is, in plain containers."""
        return {name: asdict(protocol) for name, protocol in self.suite.protocols.items()}

    @property
    def identity(self) -> str:
        """Hash of all that values depend on but for the images."""
        what = {
            "metrics": self.protocols,
            "features": [self.features.weights_name, self.layers, self.patches],
            "judge": self.judge and [self.judge.loss.__name__, *self.judge[2:]],
        }
        return sha256_of_json(what)

    @property
    def image_metrics(self) -> dict[str, ImageMetric]:
        """Those with a value for each image."""
        metrics = {name: self.suite[name] for name in self.suite.protocols}
        return {name: metric for name, metric in metrics.items() if isinstance(metric, ImageMetric)}

    @property
    def set_metrics(self) -> dict[str, SetMetric]:
        """Those of whole sets."""
        metrics = {name: self.suite[name] for name in self.suite.protocols}
        return {name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric)}

    def to(self, device: torch.device) -> None:
        """Compute on a device from now on."""
        self.device = device
        self.suite.to(device)
        self.features.to(device)
        if self.judge:
            self.judge.network.to(device)

    @torch.inference_mode()
    def of(self, compressed: np.ndarray, restored: np.ndarray, original: np.ndarray) -> dict[str, Tensor]:
        """Measure an image.

        Args:
            compressed: (H, W, 3) uint8.
            restored: The same shape.
            original: The same shape.

        Returns:
            By name, on the CPU, for P patches and V vectors: `metric/NAME` (2,) of the compressed and the restored
            image; `vectors/NAME` (3, V, D) of compressed, restored and original; `triangle/NAME` (3,) sides in the
            order of `Triangle`; `disparity/NAME` (P, 2) in the order of `Disparity`; `scores` (P, 3) of original,
            restored and compressed. For metrics that the image is too small for, NaN and no vectors.
        """
        images = [to_tensor(pixels)[None].to(self.device) for pixels in (compressed, restored, original)]
        before, after, target = images
        values: dict[str, Tensor] = {}
        shortest = min(target.shape[-2:])
        for name, metric in self.image_metrics.items():
            pairs = [(before, target), (after, target), *[(before, after)] * (name == LPIPS)]
            if shortest < metric.smallest_side:
                found = target.new_full((len(pairs),), torch.nan)
            else:
                found = torch.cat([metric.measure(*pair) for pair in pairs])
            values[f"metric/{name}"] = found[:2]
            if name == LPIPS:
                values[f"triangle/{name}"] = found[[2, 0, 1]]
        for name, metric in self.set_metrics.items():
            if shortest >= metric.smallest_side:
                values[f"vectors/{name}"] = torch.stack([metric.features(image[0]) for image in images])
        values |= self.distances(before, after, target)
        if self.judge:
            network, score, size = self.judge.network, self.judge.loss.score, self.judge.patch_size
            scores = score_image(network, target, after, before, score, size)
            values["scores"] = torch.stack(list(scores), dim=1)
        return {name: value.cpu() for name, value in values.items()}

    def distances(self, compressed: Tensor, restored: Tensor, original: Tensor) -> dict[str, Tensor]:
        """Distances of the patches of images, (1, 3, H, W), to each other."""
        sides: list[Tensor] = []
        pixels: list[np.ndarray] = []
        for before, after, target in patches_of((compressed, restored, original), PATCH, CHUNK, self.patches):
            features = [cast(Features, self.features(patches)) for patches in (before, after, target)]
            sides.append(side_lengths(partial(feature_distance, layers=self.layers), *features))
            pixels.append(np.stack(Disparity.measured(pixel_distance, before, after, target), axis=1))
        triangles = torch.cat(sides)
        # Of a triangle's sides, disparity has that to the original and that to the restored image.
        columns = [Triangle._fields.index(name) for name in ("compressed_original", "compressed_restored")]
        return {
            "triangle/features": triangles.mean(0),
            "disparity/features": triangles[:, columns],
            "disparity/pixels": torch.tensor(np.concatenate(pixels)),
        }


def columns(values: Tensor) -> Iterator[np.ndarray]:
    """The columns of a table, (N, K) → K of (N,) float64."""
    yield from values.double().numpy().T
