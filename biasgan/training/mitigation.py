from collections.abc import Mapping

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from biasgan.training.step import Step


class Mitigation(Callback):
    """A change to the adversarial objective, given to the Trainer like any other callback.

    It can change two things: what the discriminator is shown, and what else the generator pays for.
    Several combine, in the Trainer's order.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that there is something to mitigate.

        Raises:
            ValueError: If the module trains without a discriminator.
        """
        if not isinstance(getattr(pl_module, "discriminator", None), nn.Module):
            raise ValueError(
                f"{type(self).__name__} mitigates a bias of adversarial training, and this training has no "
                "discriminator. Train the same network adversarially (for example baseline=realesrgan "
                "generator=arcnn method=full), or leave the mitigation out (method=vanilla)."
            )

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """What the discriminator sees in place of `image`.

        Args:
            image: A candidate (restored, original or compressed), (N, C, H, W); C is 3 unless another mitigation
                came before.
            step: The batch that the candidate belongs to.
        """
        return image

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """Weighted terms that are added to the generator's loss, by name; scalars."""
        return {}
