import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.networks.blocks import conv3x3


class RDN(nn.Module):
    """RDN: residual dense blocks in a row, all of whose results are fused at the end.

    Zhang et al., Residual Dense Network for Image Super-Resolution, CVPR 2018, without its upscaling. There is no
    residual from input to output.

    Args:
        channels: Width between the blocks (G0 of the paper), ≥ 1.
        blocks: Number of residual dense blocks (D), ≥ 1.
        convolutions: Dense convolutions in each block (C), ≥ 1.
        growth: Channels that each dense convolution adds (G), ≥ 1.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Examples:
        >>> import torch
        >>> from biasgan import RDN
        >>> powerqe = RDN(channels=32, blocks=4, convolutions=4, growth=32)
        >>> powerqe(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 1

    def __init__(self, channels: int = 64, blocks: int = 16, convolutions: int = 8, growth: int = 64) -> None:
        super().__init__()
        self.receptive_field = blocks * convolutions + 4
        self.first = conv3x3(3, channels)
        self.second = conv3x3(channels, channels)
        self.blocks = nn.ModuleList(DenseBlock(channels, convolutions, growth) for _ in range(blocks))
        self.fusion = nn.Sequential(nn.Conv2d(blocks * channels, channels, 1), conv3x3(channels, channels))
        self.last = conv3x3(channels, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        shallow = self.first(image)
        features = self.second(shallow)
        results: list[Tensor] = []
        for block in self.blocks:
            features = block(features)
            results.append(features)
        return self.last(self.fusion(torch.cat(results, 1)) + shallow)


class DenseBlock(nn.Module):
    """Convolutions that each see all earlier results, fused and added to the input.

    Args:
        channels: Width of input and output.
        convolutions: How many.
        growth: Channels that each adds.

    Shape:
        (N, channels, H, W) → same.
    """

    def __init__(self, channels: int, convolutions: int, growth: int) -> None:
        super().__init__()
        widths = [channels + number * growth for number in range(convolutions + 1)]
        self.dense = nn.ModuleList(conv3x3(width, growth) for width in widths[:-1])
        self.fusion = nn.Conv2d(widths[-1], channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        features = x
        for convolution in self.dense:
            features = torch.cat((features, functional.relu(convolution(features), inplace=True)), 1)
        return self.fusion(features) + x
