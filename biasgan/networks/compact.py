from torch import Tensor, nn

from biasgan.networks.blocks import conv3x3


class SRVGGNetCompact(nn.Module):
    """SRVGGNetCompact: a plain stack of convolutions, the small generator of Real-ESRGAN, at upscale 1.

    Published with Wang et al., Real-ESRGAN, ICCVW 2021. State-dict keys are those of the published code; its pixel
    shuffle by 1 does nothing and is left out.

    Args:
        channels: Width of the stack, ≥ 1.
        convolutions: Convolutions between the first and the last, ≥ 0.
        start_as_identity: Zero the last convolution, so that at the start the output equals the input, and let the
            others keep the scale of their input (He et al., ICCV 2015), so that minutes suffice to learn something.
            Not in the published code. Such a start gets no gradient from the divergence loss, whose L1 distance to
            the compressed image has slope 0 at 0; another loss must move the generator first.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.

    Examples:
        >>> import torch
        >>> from biasgan import SRVGGNetCompact
        >>> image = torch.rand(1, 3, 20, 30)
        >>> torch.equal(SRVGGNetCompact(16, 4, start_as_identity=True)(image), image)
        True
    """

    multiple_of: int = 1
    smallest_side: int = 1

    def __init__(self, channels: int = 64, convolutions: int = 32, start_as_identity: bool = False) -> None:
        super().__init__()
        self.receptive_field = convolutions + 2
        self.body = nn.Sequential(conv3x3(3, channels), nn.PReLU(channels))
        for _ in range(convolutions):
            self.body.extend((conv3x3(channels, channels), nn.PReLU(channels)))
        last = conv3x3(channels, 3)
        self.body.append(last)
        if start_as_identity:
            for layer in self.body:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, a=0.25)
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        return image + self.body(image)
