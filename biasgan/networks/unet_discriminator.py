from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from biasgan.networks.blocks import check_size, conv3x3, leaky


class UNetDiscriminator(nn.Module):
    """U-Net discriminator of Real-ESRGAN with spectral normalisation: one logit for every pixel.

    Wang et al., Real-ESRGAN, ICCVW 2021. Spectral normalisation (Miyato et al., ICLR 2018) is on all convolutions but
    the first and the last; each forward pass in training mode is one step of its power iteration. It is PyTorch's
    parametrisation rather than the hook of the published code, hence other state-dict keys for conv1 to conv8.

    Args:
        in_channels: 3, or 6 for a discriminator that is also shown the compressed image.
        channels: Width at full resolution; it doubles with each of the three halvings.

    Shape:
        (N, in_channels, H, W) in [0, 1], H and W multiples of 8 → (N, 1, H, W), logits without a final sigmoid.

    Raises:
        ValueError: On a forward pass, if H or W is not a multiple of 8.

    Examples:
        >>> import torch
        >>> from biasgan import UNetDiscriminator
        >>> UNetDiscriminator(in_channels=6)(torch.rand(1, 6, 16, 32)).shape
        torch.Size([1, 1, 16, 32])
    """

    multiple_of: int = 8
    smallest_side: int = 8

    def __init__(self, in_channels: int = 3, channels: int = 64) -> None:
        super().__init__()
        self.conv0 = conv3x3(in_channels, channels)
        self.conv1 = _halve(channels, channels * 2)
        self.conv2 = _halve(channels * 2, channels * 4)
        self.conv3 = _halve(channels * 4, channels * 8)
        self.conv4 = _keep(channels * 8, channels * 4)
        self.conv5 = _keep(channels * 4, channels * 2)
        self.conv6 = _keep(channels * 2, channels)
        self.conv7 = _keep(channels, channels)
        self.conv8 = _keep(channels, channels)
        self.conv9 = conv3x3(channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit per pixel, larger where the image looks more like an original."""
        check_size(self, image, multiple=self.multiple_of)
        x0 = leaky(self.conv0(image))
        x1 = leaky(self.conv1(x0))
        x2 = leaky(self.conv2(x1))
        x3 = leaky(self.conv3(x2))
        x = leaky(self.conv4(_double(x3))) + x2
        x = leaky(self.conv5(_double(x))) + x1
        x = leaky(self.conv6(_double(x))) + x0
        return self.conv9(leaky(self.conv8(leaky(self.conv7(x)))))


def _halve(in_channels: int, out_channels: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False))


def _keep(in_channels: int, out_channels: int) -> nn.Module:
    return spectral_norm(conv3x3(in_channels, out_channels, bias=False))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
