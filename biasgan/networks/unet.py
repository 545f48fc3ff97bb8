from itertools import pairwise

import torch
from torch import Tensor, nn

from biasgan.networks.blocks import check_size, conv3x3


class UNet(nn.Module):
    """U-Net: four halvings and four doublings, joined at each resolution.

    Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015. Unlike the paper:
    zero padding so that the size is kept, no dropout, and the network predicts a residual that is added to its input.

    Args:
        channels: Width at full resolution, ≥ 1; it doubles with each halving.

    Shape:
        (N, 3, H, W) in [0, 1], H and W multiples of 16 → same, not clamped.

    Raises:
        ValueError: On a forward pass, if H or W is not a multiple of 16.

    Examples:
        >>> import torch
        >>> from biasgan import UNet
        >>> UNet(channels=4)(torch.rand(1, 3, 16, 32)).shape
        torch.Size([1, 3, 16, 32])
    """

    multiple_of: int = 16
    smallest_side: int = 16
    receptive_field: int = 107

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(5)]
        self.first = _two_convolutions(3, channels)
        self.downs = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), _two_convolutions(width, below)) for width, below in pairwise(widths)
        )
        self.doubles = nn.ModuleList(
            nn.ConvTranspose2d(below, width, 2, stride=2) for below, width in pairwise(reversed(widths))
        )
        self.ups = nn.ModuleList(_two_convolutions(below, width) for below, width in pairwise(reversed(widths)))
        self.last = nn.Conv2d(channels, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, multiple=self.multiple_of)
        skips = [self.first(image)]
        for down in self.downs:
            skips.append(down(skips[-1]))
        features = skips.pop()
        for double, up in zip(self.doubles, self.ups, strict=True):
            features = up(torch.cat((skips.pop(), double(features)), 1))
        return image + self.last(features)


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv3x3(in_channels, out_channels),
        nn.ReLU(inplace=True),
        conv3x3(out_channels, out_channels),
        nn.ReLU(inplace=True),
    )
