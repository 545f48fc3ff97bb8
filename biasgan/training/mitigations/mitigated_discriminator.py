from collections.abc import Callable, Sequence

from torch import Tensor, nn

from biasgan.networks.vgg_features import Features
from biasgan.training.mitigations.mitigation import Mitigation, discriminate
from biasgan.training.step import Step


def no_features(image: Tensor) -> Features:
    """Refuse to extract features.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        "A mitigation of this discriminator needs features; give what extracts them, as its training had it."
    )


class MitigatedDiscriminator(nn.Module):
    """A discriminator after its training, which is shown what it was shown then.

    Args:
        discriminator: As trained.
        mitigations: Of its training, in their order.
        extract: As in `Step`, for mitigations that show it something of features.

    Shape:
        Patches of originals, the same of restored and of compressed images, (N, 3, H, W) in [0, 1] → logits of each.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        mitigations: Sequence[Mitigation] = (),
        extract: Callable[[Tensor], Features] = no_features,
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.mitigations = list(mitigations)
        self.extract = extract
        self.training = discriminator.training

    def forward(self, original: Tensor, restored: Tensor, compressed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judge all three."""
        step = Step(compressed, original, restored, self.extract)
        original, restored, compressed = (
            discriminate(self.discriminator, self.mitigations, image, step)
            for image in (original, restored, compressed)
        )
        return original, restored, compressed
