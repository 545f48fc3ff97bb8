from torch import Tensor, nn

from biasgan.networks.blocks import conv3x3


class DnCNN(nn.Module):
    """DnCNN: seventeen convolutions that predict what is to be taken from an image, here without batch norm by default.

    Zhang et al., Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising, TIP 2017. Unlike the
    paper: RGB, batch norm on request only, and the prediction is added to the image instead of subtracted from it.

    Args:
        channels: Width of the stack, ≥ 1.
        convolutions: Convolutions between the first and the last, ≥ 0.
        batch_norm: Normalise what each of these gives; they have no bias then.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Examples:
        >>> import torch
        >>> from biasgan import DnCNN
        >>> DnCNN(batch_norm=True)(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 1

    def __init__(self, channels: int = 64, convolutions: int = 15, batch_norm: bool = False) -> None:
        super().__init__()
        self.receptive_field = convolutions + 2
        self.layers = nn.Sequential(conv3x3(3, channels))
        for _ in range(convolutions):
            self.layers.extend((nn.ReLU(inplace=True), conv3x3(channels, channels, bias=not batch_norm)))
            if batch_norm:
                self.layers.append(nn.BatchNorm2d(channels, eps=1e-4, momentum=0.9))
        self.layers.extend((nn.ReLU(inplace=True), conv3x3(channels, 3)))

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        return image + self.layers(image)
