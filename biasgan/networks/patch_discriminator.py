from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from biasgan.networks.blocks import check_size

SCALES = (1, 2, 3)


class PatchDiscriminator(nn.Module):
    """PatchGAN: judges overlapping parts of 70 x 70 pixels, by a few convolutions; at several scales if asked.

    Isola et al., Image-to-image translation with conditional adversarial networks, CVPR 2017. Several scales are those
    of Wang et al., High-resolution image synthesis with conditional GANs, CVPR 2018: networks of the same form, each
    shown the image at half the resolution of the one before. Here the logits of coarse scales are repeated to the size
    of the finest, so that all scales count alike.

    Args:
        in_channels: 3, or 6 for a discriminator that is also shown the compressed image.
        channels: Width of the first layer; it doubles with each up to eight times this.
        scales: How many, 1 to 3.
        spectral: Spectral normalisation on all convolutions but the first and the last, instead of batch norm.

    Shape:
        (N, in_channels, H, W) in [0, 1], H and W at least 24 for one scale, 48 for two, 96 for three →
        (N, scales, H/8 - 2, W/8 - 2), floored, logits without a final sigmoid.

    Raises:
        ValueError: If there are other scales, or, on a forward pass, if the image is too small.

    Examples:
        >>> import torch
        >>> from biasgan import PatchDiscriminator
        >>> PatchDiscriminator(in_channels=6, channels=8)(torch.rand(1, 6, 64, 64)).shape
        torch.Size([1, 1, 6, 6])
    """

    multiple_of: int = 1
    smallest_side: int = 24

    def __init__(self, in_channels: int = 3, channels: int = 64, scales: int = 1, spectral: bool = False) -> None:
        if scales not in SCALES:
            raise ValueError(f"A PatchDiscriminator has 1, 2 or 3 scales; got {scales}.")
        super().__init__()
        self.smallest_side = 24 * 2 ** (scales - 1)
        self.scales = nn.ModuleList(one_scale(in_channels, channels, spectral) for _ in range(scales))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of all parts at all scales, larger where they look more like an original."""
        check_size(self, image, smallest=self.smallest_side)
        logits: list[Tensor] = []
        for judge in self.scales:
            judged = judge(image)
            logits.append(functional.interpolate(judged, logits[0].shape[-2:]) if logits else judged)
            image = functional.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return torch.cat(logits, 1)


def one_scale(in_channels: int, channels: int, spectral: bool) -> nn.Sequential:
    """The layers of one scale: three that halve, one that does not, and the one that judges."""
    widths = [channels * factor for factor in (1, 2, 4, 8)]
    layers = nn.Sequential(nn.Conv2d(in_channels, channels, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True))
    for number, (narrow, wide) in enumerate(pairwise(widths), 1):
        convolution = nn.Conv2d(narrow, wide, 4, 1 if number == 3 else 2, 1, bias=spectral)
        normed = [spectral_norm(convolution)] if spectral else [convolution, nn.BatchNorm2d(wide)]
        layers.extend([*normed, nn.LeakyReLU(0.2, inplace=True)])
    return layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
