from torch import Tensor, nn

from biasgan.networks.blocks import conv3x3


class DCAD(nn.Module):
    """DCAD: ten convolutions that predict what compression changed.

    Wang et al., A Novel Deep Learning-Based Method of Improving Coding Efficiency from the Decoder-End for HEVC, DCC
    2017. Unlike the paper: RGB instead of luma.

    Args:
        channels: Width of the stack, ≥ 1.
        convolutions: Convolutions between the first and the last, ≥ 0.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Examples:
        >>> import torch
        >>> from biasgan import DCAD
        >>> DCAD()(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 1

    def __init__(self, channels: int = 64, convolutions: int = 8) -> None:
        super().__init__()
        self.receptive_field = convolutions + 2
        self.layers = nn.Sequential(conv3x3(3, channels))
        for _ in range(convolutions):
            self.layers.extend((nn.ReLU(inplace=True), conv3x3(channels, channels)))
        self.layers.extend((nn.ReLU(inplace=True), conv3x3(channels, 3)))

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        return image + self.layers(image)
