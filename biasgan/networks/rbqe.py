from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from biasgan.networks.blocks import conv3x3, conv_transposed, match_size


class EarlyExit(NamedTuple):
    """What an early exit gives."""

    image: Tensor
    """Restored, (1, C, H, W)."""
    number: int
    """Which exit it left at, from 1."""


class NestedUNets(nn.Module):
    """U-Nets nested in one another, each one level deeper than the one before; easy images may leave early.

        image -> first -> U-Net 1 -> U-Net 2 -> ... -> U-Net 5
                             |          |                 |
                          + image    + image           + image
                             |          |                 |
                           exit 1     exit 2            exit 5

    Args:
        first: Image → features.
        unets: From the shallowest on.
        outs: Features → what is added to the image: those of the last U-Nets if there are fewer than of these.

    Shape:
        (N, C, H, W) → same, not clamped.
    """

    def __init__(self, first: nn.Module, unets: Iterable["NestedUNet"], outs: Iterable[nn.Module]) -> None:
        super().__init__()
        self.first = first
        self.unets = nn.ModuleList(unets)
        self.outs = nn.ModuleList(outs)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image of the last exit."""
        features = [[self.first(image)]]
        for unet in self.unets:
            features.append(unet(features))
        return image + self.outs[-1](features[-1][-1])

    def exit_images(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the restored image of each exit, the earliest first; nothing is computed before it is asked for."""
        features = [[self.first(image)]]
        without_exit = len(self.unets) - len(self.outs)
        for number, unet in enumerate(self.unets):
            features.append(unet(features))
            if number >= without_exit:
                yield image + self.outs[number - without_exit](features[-1][-1])

    def leave_early(self, image: Tensor, good_enough: Callable[[Tensor], bool]) -> EarlyExit:
        """Restore one image and stop at the first exit whose image is good enough, else at the last.

        Args:
            image: (1, C, H, W) in [0, 1].
            good_enough: Judges the image of an exit, as `quality_gate.QualityGate` does. Not asked about the last.

        Raises:
            ValueError: If there are several images, which would want to leave at different exits.
        """
        if len(image) != 1:
            raise ValueError(f"an early exit is one image's, got a batch of {len(image)}; give them one by one")
        restored, number = image, 0
        for number, restored in enumerate(self.exit_images(image), 1):
            if number < len(self.outs) and good_enough(restored):
                break
        return EarlyExit(restored, number)


class RBQE(NestedUNets):
    """RBQE as powerqe has it: `NestedUNets` of colour images.

    Xing et al., Early Exit or Not: Resource-Efficient Blind Quality Enhancement for Compressed Images, ECCV 2020.
    Unlike the paper: RGB, ordinary convolutions instead of separable ones, and a ReLU only where one stands below.

    Args:
        channels: Width of all features, ≥ 1.
        levels: Number of U-Nets; the last halves so many times, ≥ 1.
        exits: How many U-Nets, counted from the last, give an image: from 1, which cannot leave early, to `levels`.
        attention: Weigh channels before most convolutions.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Raises:
        ValueError: If there are not 1 to `levels` exits.

    Examples:
        >>> import torch
        >>> from biasgan import RBQE
        >>> RBQE(channels=8)(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 1

    def __init__(self, channels: int = 32, levels: int = 5, exits: int = 5, attention: bool = True) -> None:
        if not 1 <= exits <= levels:
            raise ValueError(f"RBQE with levels={levels} has 1 to {levels} exits, got exits={exits}")
        super().__init__(
            nn.Sequential(conv3x3(3, channels), nn.ReLU(inplace=True), conv3x3(channels, channels)),
            (_unet(channels, depth, attention) for depth in range(1, levels + 1)),
            (nn.Sequential(attend(attention), conv3x3(channels, 3)) for _ in range(exits)),
        )
        self.alignment = 2**levels
        self.receptive_field = None if attention else 14 * 2 ** (levels - 1) - 4


class NestedUNet(nn.Module):
    """One U-Net of the nest: one halving below the deepest features so far, then up again to full resolution.

    Args:
        down: Features → deeper ones, of half the size.
        ups: Each takes deeper features and all that there are at the resolution above, from the deepest on.

    Shape:
        Features of all U-Nets so far, each list from its deepest to full resolution → such a list, one longer than
        that of the last.
    """

    def __init__(self, down: nn.Module, ups: Iterable[nn.Module]) -> None:
        super().__init__()
        self.down = down
        self.ups = nn.ModuleList(ups)

    def forward(self, features: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Return the features from the deepest to full resolution."""
        current = [self.down(features[-1][0])]
        for step, up in enumerate(self.ups, 1):
            same_resolution = [unet[level] for level, unet in enumerate(features[-step:])]
            current.append(up(current[-1], same_resolution))
        return current


class DenseUp(nn.Module):
    """Double the resolution and take in what earlier U-Nets have there.

    Args:
        channels: Width of all features.
        inputs: Number of feature maps that are taken in, the doubled one included.
        attention: Weigh channels before each of the two convolutions.

    Shape:
        (N, channels, h, w) and several (N, channels, H, W) → (N, channels, H, W).
    """

    def __init__(self, channels: int, inputs: int, attention: bool) -> None:
        super().__init__()
        self.up = conv_transposed(channels, channels)
        self.fusion = nn.Sequential(
            attend(attention),
            conv3x3(inputs * channels, channels),
            nn.ReLU(inplace=True),
            attend(attention),
            conv3x3(channels, channels),
        )

    def forward(self, features: Tensor, dense: Sequence[Tensor]) -> Tensor:
        """Return the fused features."""
        return self.fusion(torch.cat((match_size(self.up(features), dense[0]), *dense), 1))


class EfficientChannelAttention(nn.Module):
    """Weigh each channel by its mean and those of its two neighbours.

    Wang et al., ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, CVPR 2020.

    Shape:
        (N, C, H, W) → same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the weighted features."""
        weights = self.mix(features.mean((2, 3)).unsqueeze(1)).sigmoid()
        return features * weights.transpose(1, 2).unsqueeze(-1)


def _unet(channels: int, depth: int, attention: bool) -> NestedUNet:
    down = nn.Sequential(
        attend(attention),
        conv3x3(channels, channels),
        conv3x3(channels, channels, stride=2),
        attend(attention),
        conv3x3(channels, channels),
    )
    return NestedUNet(down, (DenseUp(channels, inputs, attention) for inputs in range(2, depth + 2)))


def attend(attention: bool) -> nn.Module:
    """Attention, or nothing in its place."""
    return EfficientChannelAttention() if attention else nn.Identity()
