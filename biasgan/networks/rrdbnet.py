from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.networks.blocks import check_size, conv3x3, leaky


class RRDBNet(nn.Module):
    """RRDBNet: residual-in-residual dense blocks, the generator of ESRGAN and Real-ESRGAN.

    Wang et al., ESRGAN, ECCVW 2018; Wang et al., Real-ESRGAN, ICCVW 2021. As in Real-ESRGAN, an image that is not to
    be enlarged is folded 4 x 4 into channels first, so that the blocks work on a sixteenth of the pixels. State-dict
    keys are those of the published code. There is no residual from input to output.

    Args:
        channels: Width of the trunk, ≥ 1.
        blocks: Number of residual-in-residual dense blocks, ≥ 1.
        growth: Channels that each dense convolution adds, ≥ 1.
        scale: 1 to restore; the published networks that enlarge have 2 (folded 2 x 2) or 4 (not folded).

    Shape:
        (N, 3, H, W) in [0, 1], H and W multiples of 4 / scale → (N, 3, scale · H, scale · W), not clamped.

    Raises:
        ValueError: On a forward pass, if H or W is not a multiple of 4 / scale.

    Examples:
        >>> import torch
        >>> from biasgan import RRDBNet
        >>> RRDBNet(channels=8, blocks=1, growth=4)(torch.rand(1, 3, 20, 32)).shape
        torch.Size([1, 3, 20, 32])
    """

    multiple_of: int = 4
    smallest_side: int = 4

    def __init__(self, channels: int = 64, blocks: int = 23, growth: int = 32, scale: Literal[1, 2, 4] = 1) -> None:
        super().__init__()
        self.multiple_of = self.smallest_side = 4 // scale
        self.receptive_field = 60 * blocks + 16 if scale == 1 else None
        self.conv_first = conv3x3(3 * self.multiple_of**2, channels)
        self.body = nn.Sequential(*(ResidualInResidualDenseBlock(channels, growth) for _ in range(blocks)))
        self.conv_body = conv3x3(channels, channels)
        self.conv_up1 = conv3x3(channels, channels)
        self.conv_up2 = conv3x3(channels, channels)
        self.conv_hr = conv3x3(channels, channels)
        self.conv_last = conv3x3(channels, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, multiple=self.multiple_of)
        features = self.conv_first(functional.pixel_unshuffle(image, self.multiple_of))
        features = self.conv_body(self.body(features)).add_(features)
        features = leaky(self.conv_up1(functional.interpolate(features, scale_factor=2, mode="nearest")))
        features = leaky(self.conv_up2(functional.interpolate(features, scale_factor=2, mode="nearest")))
        return self.conv_last(leaky(self.conv_hr(features)))


class ResidualInResidualDenseBlock(nn.Module):
    """Three dense blocks in a row, their result scaled by 0.2 and added to the input.

    Args:
        channels: Width of input and output.
        growth: Channels that each dense convolution adds.

    Shape:
        (N, channels, H, W) → same.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(channels, growth)
        self.rdb2 = ResidualDenseBlock(channels, growth)
        self.rdb3 = ResidualDenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        return self.rdb3(self.rdb2(self.rdb1(x))).mul_(0.2).add_(x)


class ResidualDenseBlock(nn.Module):
    """Five convolutions that each see all earlier results; the last is scaled by 0.2 and added to the input.

    Weights start as Kaiming normal times 0.1 and biases as zero, so that a deep trunk starts close to the identity.

    Args:
        channels: Width of input and output.
        growth: Channels that each of the first four convolutions adds.

    Shape:
        (N, channels, H, W) → same.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, growth)
        self.conv2 = conv3x3(channels + growth, growth)
        self.conv3 = conv3x3(channels + 2 * growth, growth)
        self.conv4 = conv3x3(channels + 3 * growth, growth)
        self.conv5 = conv3x3(channels + 4 * growth, channels)
        for parameter in self.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
                with torch.no_grad():
                    parameter.mul_(0.1)
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features."""
        x1 = leaky(self.conv1(x))
        x2 = leaky(self.conv2(torch.cat((x, x1), 1)))
        x3 = leaky(self.conv3(torch.cat((x, x1, x2), 1)))
        x4 = leaky(self.conv4(torch.cat((x, x1, x2, x3), 1)))
        x5 = self.conv5(torch.cat((x, x1, x2, x3, x4), 1))
        # In place, because no backward pass needs a convolution's output.
        return x5.mul_(0.2).add_(x)
