from torch import Tensor, nn


class ARCNN(nn.Module):
    """AR-CNN: four convolutions that remove compression artifacts.

    Dong et al., Compression Artifacts Reduction by a Deep Convolutional Network, ICCV 2015. Unlike the paper: RGB
    instead of luma, zero padding so that the size is kept, and the network predicts a residual that is added to its
    input.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Examples:
        >>> import torch
        >>> from biasgan import ARCNN
        >>> ARCNN()(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    multiple_of: int = 1
    smallest_side: int = 1
    receptive_field: int = 9

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 9, padding=4),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 16, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 3, 5, padding=2),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        return image + self.layers(image)
