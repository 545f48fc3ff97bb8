from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from biasgan.networks.vgg_features import Features


@dataclass(eq=False)
class Step:
    """One batch on its way through a training step. Features are computed when first asked for, then shared.

    Attributes:
        compressed: Decoded compressed images, (N, 3, H, W) in [0, 1].
        original: Originals of the same shape.
        restored: What the generator made of `compressed`; carries its gradient.
        extract: Frozen feature network: images → {layer: features}.

    Examples:
        >>> import torch
        >>> from biasgan import Step, VGGFeatures
        >>> images = [torch.rand(1, 3, 16, 16) for _ in range(3)]
        >>> step = Step(*images, extract=VGGFeatures(["conv1_2"], "random"))
        >>> step.restored_features["conv1_2"].shape
        torch.Size([1, 64, 16, 16])
    """

    compressed: Tensor
    original: Tensor
    restored: Tensor
    extract: Callable[[Tensor], Features]

    @cached_property
    def restored_features(self) -> Features:
        """Features of the restored images: the only pass with gradient."""
        return self.extract(self.restored)

    @cached_property
    def compressed_features(self) -> Features:
        """Features of the compressed images, without gradient.

        Asked for before `original_features`, the originals ride along, so that both cost one pass.
        """
        if "original_features" in self.__dict__:
            with torch.no_grad():
                return self.extract(self.compressed)
        with torch.no_grad():
            both = self.extract(torch.cat([self.compressed, self.original]))
        halves = {layer: features.chunk(2) for layer, features in both.items()}
        self.__dict__["original_features"] = {layer: half[1] for layer, half in halves.items()}
        return {layer: half[0] for layer, half in halves.items()}

    @cached_property
    def original_features(self) -> Features:
        """Features of the originals, without gradient."""
        with torch.no_grad():
            return self.extract(self.original)
