import torch
from torch import Tensor, nn

from biasgan.networks.blocks import check_size, conv3x3, conv_transposed, match_size


class CBDNet(nn.Module):
    """CBDNet: one network maps the noise, a U-Net that is shown this map removes it.

    Guo et al., Toward Convolutional Blind Denoising of Real Photographs, CVPR 2019. Unlike the paper, the map is not
    supervised, so that the loss of the restored image alone decides what it says.

    Args:
        channels: Width at full resolution, even; it doubles with each of the two halvings.

    Shape:
        (N, 3, H, W) in [0, 1], sides of at least 4 → same, not clamped.

    Raises:
        ValueError: On a forward pass, if a side is below 4.

    Examples:
        >>> import torch
        >>> from biasgan import CBDNet
        >>> CBDNet(channels=8)(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 4
    alignment: int = 4
    receptive_field: int = 47

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        narrow, double, quadruple = channels // 2, channels * 2, channels * 4
        self.estimator = nn.Sequential(*_convolutions(3, narrow, 4), *_convolutions(narrow, 3, 1))
        self.first = _convolutions(6, channels, 1)
        self.down1 = nn.Sequential(nn.AvgPool2d(2), *_convolutions(channels, double, 3))
        self.down2 = nn.Sequential(nn.AvgPool2d(2), *_convolutions(double, quadruple, 5))
        self.up1 = conv_transposed(quadruple, double)
        self.merged1 = _convolutions(double, double, 3)
        self.up0 = conv_transposed(double, channels)
        self.merged0 = _convolutions(channels, channels, 2)
        self.last = conv3x3(channels, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, smallest=self.smallest_side)
        features0 = self.first(torch.cat((image, self.estimator(image)), 1))
        features1 = self.down1(features0)
        features = self.up1(self.down2(features1))
        features = self.up0(self.merged1(match_size(features, features1) + features1))
        return self.last(self.merged0(match_size(features, features0) + features0)) + image


def _convolutions(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    layers = nn.Sequential()
    for width in [in_channels, *[out_channels] * (count - 1)]:
        layers.extend((conv3x3(width, out_channels), nn.ReLU(inplace=True)))
    return layers
