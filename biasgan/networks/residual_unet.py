from collections.abc import Sequence
from itertools import pairwise
from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.networks.blocks import check_size, conv3x3
from biasgan.networks.jpeg_level import jpeg_level

SLOPE = 0.1
"""Of the leaky ReLU."""
AROUND = 9
"""Side of the square that a mean is taken over, at the coarsest resolution."""
GROWTH = 0.45
"""Octaves of the error that JPEG makes for an octave of its steps: 14 levels of 255 at quality 10, 2.5 at 95."""
COARSEST = 9.0
"""Level of JPEG at which the residual is added in full."""


class ResidualUNet(nn.Module):
    """A U-Net of residual blocks for compressed images of any quality: small, quick, and far-sighted.

    After DRUNet (Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, TPAMI 2021): residual blocks
    at each resolution, joined by addition. Unlike it, the image is folded 2 x 2 into channels first, so that nothing
    works at full resolution; the network predicts what is added to the image; and it is told no level. Instead a mean
    over wide surroundings is added to the coarsest features, by which it can judge how much was lost there. For JPEG
    it can measure the level: then it sees that, and what it adds grows with it as JPEG's error does, from nothing where
    JPEG left no trace.

    Args:
        channels: Width at a half, a quarter, an eighth … of the resolution; at least one.
        blocks: Residual blocks on the way down at each of these resolutions; on the way up there are as many, and one
            more at the first. The coarsest has its own only once.
        start_as_identity: Zero the last convolution, so that at the start the output equals the input. Such a start
            gets no gradient from the divergence loss, whose L1 distance to the compressed image has slope 0 at 0;
            another loss must move the generator first.
        measures_jpeg: Whether it measures how coarsely JPEG has quantised each image, see `jpeg_level`.

    Shape:
        (N, 3, H, W) in [0, 1], H and W multiples of 2 for each of `channels` → same, not clamped.

    Raises:
        ValueError: If there are not as many `blocks` as `channels`, or none; on a forward pass, if H or W is no such
            multiple.

    Examples:
        >>> import torch
        >>> from biasgan import ResidualUNet
        >>> ResidualUNet()(torch.rand(1, 3, 16, 24)).shape
        torch.Size([1, 3, 16, 24])
    """

    def __init__(
        self,
        channels: Sequence[int] = (48, 64, 64),
        blocks: Sequence[int] = (1, 1, 2),
        start_as_identity: bool = False,
        measures_jpeg: bool = False,
    ) -> None:
        super().__init__()
        if not channels or len(channels) != len(blocks):
            raise ValueError(
                f"channels and blocks of a ResidualUNet are one number each per resolution; got {[*channels]} and "
                f"{[*blocks]}."
            )
        self.multiple_of = self.smallest_side = 2 ** len(channels)
        # The level is that of all that is given.
        self.receptive_field = None if measures_jpeg else sight(blocks)
        *finer, coarsest = zip(channels, blocks, strict=True)
        self.measures_jpeg = measures_jpeg
        self.first = conv3x3(12 + measures_jpeg, channels[0])
        self.encoders = nn.ModuleList(residual_blocks(*level) for level in finer)
        self.downs = nn.ModuleList(nn.Conv2d(width, below, 2, 2) for width, below in pairwise(channels))
        self.middle = residual_blocks(*coarsest)
        self.ups = nn.ModuleList(nn.Conv2d(below, 4 * width, 1) for width, below in pairwise(channels))
        self.decoders = nn.ModuleList(
            residual_blocks(width, count + (level == 0)) for level, (width, count) in enumerate(finer)
        )
        self.last = conv3x3(channels[0], 12)
        self.around = nn.Conv2d(channels[-1], channels[-1], 1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="linear")
        if start_as_identity:
            for parameter in self.last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, multiple=self.multiple_of)
        folded = functional.pixel_unshuffle(image, 2)
        if not self.measures_jpeg:
            return image + self.residual(folded)
        level = jpeg_level(image).to(image)[:, None, None, None]
        plane = (level / COARSEST).expand(-1, 1, *folded.shape[-2:])
        strength = torch.expm1(GROWTH * level * log(2)) / expm1(GROWTH * COARSEST * log(2))
        return image + strength * self.residual(torch.cat([folded, plane], 1))

    def residual(self, folded: Tensor) -> Tensor:
        """What is to be added to an image that was folded, (N, 12 or 13, H/2, W/2) → (N, 3, H, W)."""
        features = self.first(folded)
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(features))
            features = down(skips[-1])
        features = self.middle(features)
        mean = functional.avg_pool2d(features, AROUND, 1, AROUND // 2, count_include_pad=False)
        features = features + self.around(mean)
        for decoder, up, skip in zip(reversed(self.decoders), reversed(self.ups), reversed(skips), strict=True):
            features = decoder(skip + functional.pixel_shuffle(up(features), 2))
        return functional.pixel_shuffle(self.last(features), 2)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3, whose result is added to the input.

    They start small, so that many blocks in a row keep the scale of their input.

    Args:
        channels: Width of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.conv2 = conv3x3(channels, channels)
        nn.init.kaiming_normal_(self.conv1.weight, a=SLOPE)
        nn.init.kaiming_normal_(self.conv2.weight, nonlinearity="linear")
        with torch.no_grad():
            self.conv2.weight.mul_(0.3)
        for bias in (self.conv1.bias, self.conv2.bias):
            assert bias is not None
            nn.init.zeros_(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        return x + self.conv2(functional.leaky_relu(self.conv1(x), SLOPE, inplace=True))


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """Residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def sight(blocks: Sequence[int]) -> int:
    """How far a pixel of a ResidualUNet's result sees to each side, in pixels."""
    down = 2 + sum(2 * count * 2**level for level, count in enumerate(blocks, 1))
    up = 2 + sum(2 * (count + (level == 1)) * 2**level for level, count in enumerate(blocks[:-1], 1))
    step = 2 ** len(blocks)
    return down + up + AROUND // 2 * step + step - 1
