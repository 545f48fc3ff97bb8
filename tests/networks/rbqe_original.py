from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from biasgan.networks.blocks import check_size, conv3x3
from biasgan.networks.rbqe import EfficientChannelAttention, NestedUNet, NestedUNets, attend


class OriginalRBQE(NestedUNets):
    """RBQE as it was published: for luma, with separable convolutions and a ReLU behind every convolution.

    Xing et al., Early Exit or Not: Resource-Efficient Blind Quality Enhancement for Compressed Images, ECCV 2020.
    Each use of features weighs their channels anew, but for those that only the last U-Net makes.

    Args:
        channels: Width of all features, ≥ 1.
        levels: Number of U-Nets and of exits; the last halves so many times, ≥ 1.

    Shape:
        (N, 1, H, W) in [0, 1], sides multiples of 2 to the power of `levels` → same, not clamped.
    """

    def __init__(self, channels: int = 32, levels: int = 5) -> None:
        last = [depth == levels for depth in range(1, levels + 1)]
        super().__init__(
            nn.Sequential(*_full(1, channels), *_full(channels, channels)),
            (_unet(channels, depth, is_last) for depth, is_last in enumerate(last, 1)),
            (nn.Sequential(attend(not is_last), *_separable(channels, 1)) for is_last in last),
        )
        self.multiple_of = self.smallest_side = 2**levels

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image of the last exit.

        Raises:
            ValueError: If a side is no such multiple.
        """
        check_size(self, image, multiple=self.multiple_of)
        return super().forward(image)

    def exit_images(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the restored image of each exit, the earliest first; nothing is computed before it is asked for.

        Raises:
            ValueError: If a side is no such multiple.
        """
        check_size(self, image, multiple=self.multiple_of)
        return super().exit_images(image)


class SeparableUp(nn.Module):
    """Double the resolution and take in what earlier U-Nets have there.

    Args:
        channels: Width of all features.
        dense: Number of feature maps that are taken in.
        is_last: Whether the deeper features are of the last U-Net, and not weighed.

    Shape:
        (N, channels, h, w) and several (N, channels, 2 h, 2 w) → (N, channels, 2 h, 2 w).
    """

    def __init__(self, channels: int, dense: int, is_last: bool) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(EfficientChannelAttention() for _ in range(dense))
        double = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.up = nn.Sequential(attend(not is_last), double, nn.ReLU(inplace=True))
        fusion = (*_separable((dense + 1) * channels, channels), *_separable(channels, channels))
        self.fusion = nn.Sequential(*fusion[:2], nn.ReLU(inplace=True), *fusion[2:], nn.ReLU(inplace=True))

    def forward(self, features: Tensor, dense: Sequence[Tensor]) -> Tensor:
        """Return the fused features."""
        weighed = [attention(own) for attention, own in zip(self.attentions, dense, strict=True)]
        return self.fusion(torch.cat((*weighed, self.up(features)), 1))


def _unet(channels: int, depth: int, is_last: bool) -> NestedUNet:
    convolutions = (*_full(channels, channels), *_full(channels, channels), *_full(channels, channels, stride=2))
    down = nn.Sequential(EfficientChannelAttention(), *convolutions)
    return NestedUNet(down, (SeparableUp(channels, dense, is_last) for dense in range(1, depth + 1)))


def _full(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return conv3x3(in_channels, out_channels, stride), nn.ReLU(inplace=True)


def _separable(in_channels: int, out_channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels), nn.Conv2d(
        in_channels, out_channels, 1
    )
