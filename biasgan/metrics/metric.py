from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor
from torchmetrics import Metric

from biasgan.metrics.protocol import Protocol


class SuiteMetric(Metric):
    """A metric that says what its number is and whether it can be computed here.

    Attributes:
        protocol: What the number is.
        smallest_side: Shortest side of the images that it can be computed of, in pixels.
        unavailable: Why it cannot be computed and what to do about it; empty if it can.
    """

    full_state_update = False
    protocol: Protocol
    smallest_side: int = 1
    unavailable: str = ""

    @property
    def higher_is_better(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - torchmetrics has a constant
        """Whether a better image has a higher number, as torchmetrics asks."""
        return self.protocol.higher_is_better


class ImageMetric(SuiteMetric):
    """A metric with a value for each image; of many images it is the mean.

    Attributes:
        values: Of the images so far, in their order: tensors of shape (N,).
    """

    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", [], dist_reduce_fx="cat")  # pyright: ignore[reportUnknownMemberType] - bare list

    @abstractmethod
    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """Measure images, (N, 3, H, W) in [0, 1] and rounded to 8 bits, beside their originals → (N,)."""

    def update(self, image: Tensor, original: Tensor) -> None:
        """Measure whole images.

        Args:
            image: (N, 3, H, W) in [0, 1], rounded to 8 bits.
            original: The same shape.
        """
        self.values.append(self.measure(image, original).detach())

    def compute(self) -> Tensor:
        """The mean over all images."""
        return self.each().mean()

    def each(self) -> Tensor:
        """One value for each image so far, in their order, (N,)."""
        # Of several processes torchmetrics makes one tensor.
        values = cast("list[Tensor] | Tensor", self.values)
        return values if isinstance(values, Tensor) else torch.cat(values or [torch.zeros(0)])
