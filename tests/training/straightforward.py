"""The same training steps written the obvious way: a pass for every use, one network frozen while the other learns.

The second source for the tests of `RestorationGAN`, and what its benchmark is held against.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.gan import LossWeights


class StraightforwardGAN:
    """One iteration of a GAN with both mitigations switchable, on bare networks and optimisers."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        features: VGGFeatures,
        optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
        weights: LossWeights,
        layers: dict[str, float],
        relativistic: bool,
        conditional: bool,
        divergence: float,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.features = features
        self.optimizers = optimizers
        self.weights = weights
        self.layers = layers
        self.relativistic = relativistic
        self.conditional = conditional
        self.divergence = divergence

    def iterate(self, compressed: Tensor, original: Tensor) -> dict[str, float]:
        """Update both networks and return the weighted loss terms."""
        generator_optimizer, discriminator_optimizer = self.optimizers
        self.discriminator.requires_grad_(False)
        generator_optimizer.zero_grad()
        restored = self.generator(compressed)
        terms = self.generator_terms(restored, compressed, original)
        torch.stack(list(terms.values())).sum().backward()
        generator_optimizer.step()

        self.discriminator.requires_grad_(True)
        discriminator_optimizer.zero_grad()
        restored = restored.detach()
        halves = {}
        if self.relativistic:
            with torch.no_grad():
                fake = self.judge(restored, compressed)
            real = self.judge(original, compressed)
            halves["original"] = 0.5 * cross_entropy(real - fake.mean(), 1)
            halves["original"].backward()
            fake = self.judge(restored, compressed)
            halves["restored"] = 0.5 * cross_entropy(fake - real.detach().mean(), 0)
            halves["restored"].backward()
        else:
            halves["original"] = cross_entropy(self.judge(original, compressed), 1)
            halves["original"].backward()
            halves["restored"] = cross_entropy(self.judge(restored, compressed), 0)
            halves["restored"].backward()
        discriminator_optimizer.step()
        named = {f"generator/{name}": term for name, term in terms.items()}
        named |= {f"discriminator/{name}": term for name, term in halves.items()}
        return {name: term.item() for name, term in named.items()}

    def generator_terms(self, restored: Tensor, compressed: Tensor, original: Tensor) -> dict[str, Tensor]:
        """The generator's weighted terms, with a pass of VGG for every image that a term needs."""
        pixel = self.weights.pixel * functional.l1_loss(restored, original)
        with torch.no_grad():
            original_features = self.features(original)
        restored_features = self.features(restored)
        perceptual = torch.stack(
            [
                w * functional.l1_loss(restored_features[name], original_features[name])
                for name, w in self.layers.items()
            ]
        ).sum()
        terms = {"pixel": pixel, "perceptual": self.weights.perceptual * perceptual}
        if self.divergence:
            with torch.no_grad():
                compressed_features = self.features(compressed)
            hinge = torch.zeros(())
            for name, weight in self.layers.items():
                far = (original_features[name] - compressed_features[name]).abs().mean(dim=(1, 2, 3))
                near = (restored_features[name] - compressed_features[name]).abs().mean(dim=(1, 2, 3))
                hinge = hinge + weight * (far - near).clamp(min=0).mean()
            terms["divergence"] = self.divergence * hinge
        fake = self.judge(restored, compressed)
        if self.relativistic:
            with torch.no_grad():
                real = self.judge(original, compressed)
            adversarial = (cross_entropy(real - fake.mean(), 0) + cross_entropy(fake - real.mean(), 1)) / 2
        else:
            adversarial = cross_entropy(fake, 1)
        return terms | {"adversarial": self.weights.adversarial * adversarial}

    def judge(self, image: Tensor, compressed: Tensor) -> Tensor:
        """Logits of a candidate."""
        return self.discriminator(torch.cat([compressed, image], 1) if self.conditional else image)


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Binary cross-entropy with logits against one constant."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
