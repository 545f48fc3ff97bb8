from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from biasgan.networks.blocks import check_size, conv3x3, match_size

MakeBlock = Callable[[int], nn.Module]
"""Width → a block of that width."""


class MPRNet(nn.Module):
    """MPRNet: three stages, on quarters, on halves and on the whole image, each shown the features of the one before.

    Zamir et al., Multi-Stage Progressive Image Restoration, CVPR 2021, the network for deblurring. Unlike the paper,
    only the last stage's image is returned and supervised.

        quarters of the image -> encoder 1 -> joined to halves -> decoder 1
        halves, with features of encoder and decoder 1 -> encoder 2 -> joined to the whole -> decoder 2
        image, with features of encoder and decoder 2 -> blocks at full resolution -> + image

    Args:
        channels: Width at full resolution in the first two stages, ≥ `reduction`.
        unet_growth: Channels that each of the two halvings adds.
        full_growth: Channels that the last stage adds.
        blocks: Attention blocks in each of the last stage's three groups, ≥ 1.
        reduction: Divides the width inside channel attention.

    Shape:
        (N, 3, H, W) in [0, 1], sides of at least 8, best multiples of 8 so that all halves are equal → same, not
        clamped.

    Raises:
        ValueError: On a forward pass, if a side is below 8.

    Examples:
        >>> import torch
        >>> from biasgan import MPRNet
        >>> powerqe = MPRNet(channels=16, unet_growth=16, full_growth=16, blocks=4)
        >>> sum(parameter.numel() for parameter in powerqe.parameters())
        887217
    """

    multiple_of: int = 8
    smallest_side: int = 8

    def __init__(
        self, channels: int = 96, unet_growth: int = 48, full_growth: int = 32, blocks: int = 8, reduction: int = 4
    ) -> None:
        super().__init__()
        self.activation = nn.PReLU()
        block = partial(AttentionBlock, reduction=reduction, activation=self.activation)
        widths = [channels + level * unet_growth for level in range(3)]
        wide = channels + full_growth
        self.shallow1 = nn.Sequential(_conv3x3(3, channels), block(channels))
        self.encoder1 = Encoder(widths, block)
        self.decoder1 = Decoder(widths, block)
        self.attention12 = SupervisedAttention(channels)
        self.shallow2 = nn.Sequential(_conv3x3(3, channels), block(channels))
        self.merge12 = _conv3x3(2 * channels, channels)
        self.encoder2 = Encoder(widths, block, fuses=True)
        self.decoder2 = Decoder(widths, block)
        self.attention23 = SupervisedAttention(channels)
        self.shallow3 = nn.Sequential(_conv3x3(3, channels), block(channels))
        self.merge23 = _conv3x3(2 * channels, wide)
        self.groups = nn.ModuleList(BlockGroup(wide, blocks, block) for _ in widths)
        self.fusions = nn.ModuleList(Fusion(widths[: level + 1], wide) for level in range(3))
        self.last = _conv3x3(wide, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, smallest=self.smallest_side)
        encoded = _join((self.encode_half(half) for half in _halves(image, -2)), -2)
        decoded = self.decoder2(encoded)
        features = self.merge23(torch.cat((self.shallow3(image), self.attention23(decoded[0], image)), 1))
        for group, fusion, *others in zip(self.groups, self.fusions, encoded, decoded, strict=True):
            features = fusion(group(features), *others)
        return self.last(features) + image

    def encode_half(self, half: Tensor) -> list[Tensor]:
        """The first stage, and the second's encoder, on the upper or lower half of an image."""
        encoded = _join((self.encoder1(self.shallow1(quarter)) for quarter in _halves(half, -1)), -1)
        decoded = self.decoder1(encoded)
        features = self.merge12(torch.cat((self.shallow2(half), self.attention12(decoded[0], half)), 1))
        return self.encoder2(features, encoded, decoded)


class Encoder(nn.Module):
    """Two blocks at each of three resolutions, going down.

    Args:
        widths: Of the three resolutions, the full one first.
        block: Makes a block.
        fuses: Whether features of the stage before are added at each resolution.

    Shape:
        (N, widths[0], H, W) → features of the three resolutions, the full one first.
    """

    def __init__(self, widths: Sequence[int], block: MakeBlock, fuses: bool = False) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Sequential(block(width), block(width)) for width in widths)
        self.downs = nn.ModuleList(_resize(0.5, *pair) for pair in pairwise(widths))
        self.fusions = nn.ModuleList(Fusion([width], width) for width in widths if fuses)

    def forward(self, x: Tensor, encoded: Sequence[Tensor] = (), decoded: Sequence[Tensor] = ()) -> list[Tensor]:
        """Return the encoded features."""
        results: list[Tensor] = []
        for index, level in enumerate(self.levels):
            x = level(self.downs[index - 1](x) if index else x)
            if self.fusions:
                x = self.fusions[index](x, encoded[index], decoded[index])
            results.append(x)
        return results


class Decoder(nn.Module):
    """Two blocks at each of three resolutions, going up, with the encoder's features through a block of their own.

    Args:
        widths: Of the three resolutions, the full one first.
        block: Makes a block.

    Shape:
        Features of the three resolutions, the full one first → the same.
    """

    def __init__(self, widths: Sequence[int], block: MakeBlock) -> None:
        super().__init__()
        self.levels = nn.ModuleList(nn.Sequential(block(width), block(width)) for width in widths)
        self.skips = nn.ModuleList(block(width) for width in widths[:-1])
        self.ups = nn.ModuleList(_resize(2, below, width) for width, below in pairwise(widths))

    def forward(self, encoded: Sequence[Tensor]) -> list[Tensor]:
        """Return the decoded features."""
        results = [self.levels[-1](encoded[-1])]
        for index in reversed(range(len(self.ups))):
            skip = self.skips[index](encoded[index])
            results.insert(0, self.levels[index](match_size(self.ups[index](results[0]), skip) + skip))
        return results


class Fusion(nn.Module):
    """Add the encoder's and the decoder's features of the stage before.

    Args:
        widths: Of the resolutions that the features go up through, the one that they end at first.
        out_channels: Width of what they are added to.

    Shape:
        (N, out_channels, H, W) and two of a lower resolution → (N, out_channels, H, W).
    """

    def __init__(self, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.encoded = self._road(widths, out_channels)
        self.decoded = self._road(widths, out_channels)

    def forward(self, x: Tensor, encoded: Tensor, decoded: Tensor) -> Tensor:
        """Return the sum."""
        return x + match_size(self.encoded(encoded), x) + match_size(self.decoded(decoded), x)

    @staticmethod
    def _road(widths: Sequence[int], out_channels: int) -> nn.Sequential:
        ups = (_resize(2, *pair) for pair in pairwise(reversed(widths)))
        return nn.Sequential(*ups, _conv1x1(widths[0], out_channels))


class BlockGroup(nn.Module):
    """Blocks in a row and a convolution, added to the input.

    Args:
        channels: Width of input and output.
        blocks: How many.
        block: Makes a block.

    Shape:
        (N, channels, H, W) → same.
    """

    def __init__(self, channels: int, blocks: int, block: MakeBlock) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(block(channels) for _ in range(blocks)), _conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        return self.layers(x) + x


class AttentionBlock(nn.Module):
    """Two convolutions whose channels are weighed by all their means, added to the input.

    Args:
        channels: Width of input and output.
        reduction: Divides the width where the weights are made.
        activation: Between the convolutions, shared by the whole network.

    Shape:
        (N, channels, H, W) → same.
    """

    def __init__(self, channels: int, reduction: int, activation: nn.PReLU) -> None:
        super().__init__()
        self.conv1 = _conv3x3(channels, channels)
        # In a tuple, so that its one parameter has one name, that which the network gives it.
        self._activation = (activation,)
        self.conv2 = _conv3x3(channels, channels)
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            _conv1x1(channels, channels // reduction),
            nn.ReLU(inplace=True),
            _conv1x1(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        features = self.conv2(self._activation[0](self.conv1(x)))
        return features * self.weights(features) + x


class SupervisedAttention(nn.Module):
    """Make an image of features, and weigh the features by what it shows.

    Args:
        channels: Width of input and output.

    Shape:
        (N, channels, H, W) and an image, (N, 3, H, W) → (N, channels, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = _conv1x1(channels, channels)
        self.image = _conv1x1(channels, 3)
        self.weights = _conv1x1(3, channels)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Return the weighed features."""
        weights = self.weights(self.image(x) + image).sigmoid()
        return self.features(x) * weights + x


def _halves(x: Tensor, dim: int) -> tuple[Tensor, ...]:
    """Cut in two; of an odd length the first half is the shorter."""
    return x.tensor_split((x.shape[dim] // 2,), dim)


def _join(parts: Iterable[Sequence[Tensor]], dim: int) -> list[Tensor]:
    """Put the features of two halves together, resolution by resolution."""
    return [torch.cat(halves, dim) for halves in zip(*parts, strict=True)]


def _resize(factor: float, in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=factor, mode="bilinear"), _conv1x1(in_channels, out_channels))


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return conv3x3(in_channels, out_channels, bias=False)


def _conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1, bias=False)
