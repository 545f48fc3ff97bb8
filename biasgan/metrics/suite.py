from collections.abc import Mapping

from torch import Tensor
from torchmetrics import MetricCollection

from biasgan.metrics.metric import ImageMetric, SuiteMetric


class Suite(MetricCollection):
    """Metrics of whole images by name: `update(image, original)` for each image, then `compute()`.

    Those that cannot be computed on this machine are left out, and the rest is computed.

    Args:
        metrics: By name.

    Attributes:
        protocols: What each number is, by name.
        unavailable: Why each of those left out is, by name, with the command that brings what is missing.
        smallest_sides: Shortest side of the images that each takes, in pixels, by name.
    """

    def __init__(self, metrics: Mapping[str, SuiteMetric]) -> None:
        self.unavailable = {name: metric.unavailable for name, metric in metrics.items() if metric.unavailable}
        self.protocols = {name: metric.protocol for name, metric in metrics.items() if not metric.unavailable}
        self.smallest_sides = {name: metrics[name].smallest_side for name in self.protocols}
        # Compute groups would make one of metrics that have equal values at first, as PSNR and SSIM of equal images.
        super().__init__({name: metrics[name] for name in self.protocols}, compute_groups=False)

    def each(self) -> dict[str, Tensor]:
        """Values of the single images, in their order, (N,), by name; a metric of whole sets has none."""
        return {name: metric.each() for name, metric in self.items() if isinstance(metric, ImageMetric)}
