"""Both mitigations in a LightningModule of your own: the five lines that are marked.

    python examples/plain_lightning_gan.py

Everything else is a GAN as anybody would write it in Lightning.
"""

import lightning as L
import torch
from photographs import pairs
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
from torch.utils.data import DataLoader

from biasgan import ARCNN, UNetDiscriminator, conditional_input, divergence_loss  # 1


class PlainGAN(L.LightningModule):
    """Two networks and two optimisers."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = ARCNN()
        self.discriminator = UNetDiscriminator(
            in_channels=6  # 2
        )

    def realness(self, image: Tensor, compressed: Tensor, real: bool) -> Tensor:
        """Cross-entropy of images that are to be found real, or not."""
        image = conditional_input(image, compressed)  # 3
        logits = self.discriminator(image)
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Update the generator, then the discriminator."""
        compressed, original = batch
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        generator, discriminator = optimizers

        restored = self.generator(compressed)
        loss = l1_loss(restored, original) + 0.1 * self.realness(restored, compressed, real=True)
        divergence = divergence_loss(restored, original, compressed)  # 4
        loss = loss + 0.1 * divergence  # 5
        generator.zero_grad()
        self.manual_backward(loss)
        generator.step()

        originals = self.realness(original, compressed, real=True)
        fakes = self.realness(restored.detach(), compressed, real=False)
        discriminator.zero_grad()
        self.manual_backward(originals + fakes)
        discriminator.step()
        self.log("divergence", divergence, prog_bar=True)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each network."""
        return [torch.optim.Adam(network.parameters(), 1e-4) for network in (self.generator, self.discriminator)]


def main(steps: int = 100, size: int = 64) -> None:
    gan = PlainGAN()
    # Lightning counts the steps of both optimisers.
    trainer = L.Trainer(max_steps=2 * steps)
    trainer.fit(gan, DataLoader(pairs(size), batch_size=8, shuffle=True))
    print(f"divergence after {steps} iterations: {trainer.callback_metrics['divergence'].item():.4f}")


if __name__ == "__main__":
    main()
