from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class DiscriminatorLoss(NamedTuple):
    """What the discriminator minimises is the sum of the two; they are apart for the logs."""

    original: Tensor
    """For not finding originals original, a scalar ≥ 0."""
    restored: Tensor
    """For not finding restored images restored, a scalar ≥ 0."""


class AdversarialLoss(ABC):
    """The game between generator and discriminator, on logits of any shape, in float32, averaged over all elements."""

    relativistic: ClassVar[bool]
    """Whether logits mean something only in comparison with those of the opposite set."""

    @abstractmethod
    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """What the generator pays: L_discrim of eq. 5, unweighted.

        Args:
            original_logits: Discriminator's logits for the originals, (N, 1) or (N, 1, H, W); detached here.
            restored_logits: Those for the restored images; they carry the gradient to the generator.

        Returns:
            A scalar ≥ 0.
        """

    @abstractmethod
    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """What the discriminator pays: eq. 2 as a loss.

        Args:
            original_logits: Discriminator's logits for the originals, (N, 1) or (N, 1, H, W).
            restored_logits: Those for the restored images, which must have been detached before they were judged.

        Returns:
            Two scalars, whose sum the discriminator minimises.
        """


class VanillaAdversarialLoss(AdversarialLoss):
    """Binary cross-entropy: originals are to be found real, restored images not; the generator wants the opposite.

    Goodfellow et al., Generative Adversarial Networks, NeurIPS 2014, with the non-saturating loss of the generator;
    as in Real-ESRGAN, without a factor 0.5 for the discriminator.
    """

    relativistic = False

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """See `AdversarialLoss.generator`; the originals do not count."""
        return _cross_entropy(restored_logits, real=True)

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """See `AdversarialLoss.discriminator`."""
        return DiscriminatorLoss(
            _cross_entropy(original_logits, real=True), _cross_entropy(restored_logits, real=False)
        )


class RelativisticAverageLoss(AdversarialLoss):
    """Relativistic average: an image is to be found more, or less, real than the average of the opposite set.

    Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, as ESRGAN uses it: both halves count 0.5, and the
    discriminator takes the averages of the opposite set as constants. They are averages over the local batch.
    """

    relativistic = True

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """See `AdversarialLoss.generator`."""
        original, restored = original_logits.detach().float(), restored_logits.float()
        less = _cross_entropy(original - restored.mean(), real=False)
        more = _cross_entropy(restored - original.mean(), real=True)
        return 0.5 * (less + more)

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """See `AdversarialLoss.discriminator`."""
        original, restored = original_logits.float(), restored_logits.float()
        return DiscriminatorLoss(
            0.5 * _cross_entropy(original - restored.mean().detach(), real=True),
            0.5 * _cross_entropy(restored - original.mean().detach(), real=False),
        )


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
