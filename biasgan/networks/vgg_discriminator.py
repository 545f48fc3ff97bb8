from torch import Tensor, nn

SIZES = (64, 128, 256, 512)
"""Sides of the square patches that the discriminator can be built for, in pixels."""


class VGGDiscriminator(nn.Module):
    """VGG-style discriminator of ESRGAN: halves a patch down to 4 x 4 and gives one logit for it.

    Wang et al., ESRGAN, ECCVW 2018. State-dict keys and, for 128 and 256, the layers are those of the published code;
    64 and 512 continue its pattern.

    Args:
        in_channels: 3, or 6 for a discriminator that is also shown the compressed image.
        channels: Width of the first stage; it doubles with each stage up to eight times this.
        size: Side of the patches in pixels: 64, 128, 256 or 512.

    Shape:
        (N, in_channels, size, size) in [0, 1] → (N, 1), logits without a final sigmoid.

    Raises:
        ValueError: If there is no discriminator for this size, or, on a forward pass, if a patch has another size.

    Examples:
        >>> import torch
        >>> from biasgan import VGGDiscriminator
        >>> VGGDiscriminator(in_channels=6, channels=8)(torch.rand(2, 6, 128, 128)).shape
        torch.Size([2, 1])
    """

    multiple_of: int = 128
    smallest_side: int = 128

    def __init__(self, in_channels: int = 3, channels: int = 64, size: int = 128) -> None:
        if size not in SIZES:
            raise ValueError(f"VGGDiscriminator can be built for patches of {_or(SIZES)} pixels, got size={size}")
        super().__init__()
        self.multiple_of = self.smallest_side = size
        stages = (size // 4).bit_length() - 1
        for stage in range(stages):
            width = channels * min(2**stage, 8)
            # The very first convolution has a bias and no batch norm, all others the reverse.
            self.add_module(f"conv{stage}_0", nn.Conv2d(in_channels, width, 3, padding=1, bias=stage == 0))
            if stage > 0:
                self.add_module(f"bn{stage}_0", nn.BatchNorm2d(width))
            self.add_module(f"leaky{stage}_0", nn.LeakyReLU(0.2, inplace=True))
            self.add_module(f"conv{stage}_1", nn.Conv2d(width, width, 4, stride=2, padding=1, bias=False))
            self.add_module(f"bn{stage}_1", nn.BatchNorm2d(width))
            self.add_module(f"leaky{stage}_1", nn.LeakyReLU(0.2, inplace=True))
            in_channels = width
        self.flatten = nn.Flatten()
        self.linear1 = nn.Linear(in_channels * 4 * 4, 100)
        self.leaky = nn.LeakyReLU(0.2, inplace=True)
        self.linear2 = nn.Linear(100, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit per patch, larger where the patch looks more like an original."""
        height, width = image.shape[-2:]
        if (height, width) != (self.multiple_of, self.multiple_of):
            raise ValueError(
                f"VGGDiscriminator was built for patches of {self.multiple_of} x {self.multiple_of} pixels, "
                f"got {height} x {width}; train on patches of {self.multiple_of} pixels, or set the discriminator's "
                f"size to {_or(SIZES)}"
            )
        x = image
        for layer in self.children():
            x = layer(x)
        return x


def _or(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers[:-1]) + f" or {numbers[-1]}"
