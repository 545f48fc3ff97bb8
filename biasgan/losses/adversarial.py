from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, autograd
from torch.nn import functional

from biasgan.losses.process_mean import process_mean


class DiscriminatorLoss(NamedTuple):
    """What the discriminator minimises is the sum of the two; they are apart for the logs."""

    original: Tensor
    """For not finding originals original, a scalar ≥ 0."""
    restored: Tensor
    """For not finding restored images restored, a scalar ≥ 0."""


class Outcome(NamedTuple):
    """What generator and discriminator pay for the logits of a batch, and the gradients of that by the logits."""

    generator: Tensor
    discriminator: DiscriminatorLoss
    generator_by_restored: Tensor
    discriminator_by_original: Tensor
    discriminator_by_restored: Tensor

    def parts(self, count: int) -> list["Outcome"]:
        """Cut into equal parts of the batch, each as if its share of the loss were a mean over itself."""
        generator, discriminator, *gradients = self
        cut = zip(*((count * gradient).chunk(count) for gradient in gradients), strict=True)
        return [Outcome(generator, discriminator, *part) for part in cut]


class AdversarialLoss(ABC):
    """The game between generator and discriminator, on logits of any shape, in float32, averaged over all elements."""

    relativistic: ClassVar[bool]
    """Whether logits mean something only in comparison with those of the opposite set, in the whole batch."""

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

    def outcome(self, original_logits: Tensor, restored_logits: Tensor) -> Outcome:
        """Both losses and their gradients by the logits, which no graph of the logits takes part in.

        Args:
            original_logits: Discriminator's logits for the originals, (N, 1) or (N, 1, H, W).
            restored_logits: Those for the restored images.
        """
        original, restored = (logits.detach().float().requires_grad_() for logits in (original_logits, restored_logits))
        generator = self.generator(original, restored)
        (generator_by_restored,) = autograd.grad(generator, restored)
        discriminator = self.discriminator(original, restored)
        by_both = autograd.grad(discriminator.original + discriminator.restored, (original, restored))
        terms = DiscriminatorLoss(discriminator.original.detach(), discriminator.restored.detach())
        return Outcome(generator.detach(), terms, generator_by_restored, *by_both)


class VanillaAdversarialLoss(AdversarialLoss):
    """Binary cross-entropy: originals are to be found real, restored images not; the generator wants the opposite.

    Goodfellow et al., Generative Adversarial Networks, NeurIPS 2014, with the non-saturating loss of the generator;
    as in Real-ESRGAN, without a factor 0.5 for the discriminator.

    Example:
        >>> import torch
        >>> from biasgan import VanillaAdversarialLoss
        >>> unsure = torch.zeros(2, 1)
        >>> VanillaAdversarialLoss().generator(unsure, unsure)
        tensor(0.6931)
    """

    relativistic = False

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """Cross-entropy of restored images that should be found real; the originals do not count."""
        return _cross_entropy(restored_logits, real=True)

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """Cross-entropies of originals that should be found real, and of restored images that should not."""
        return DiscriminatorLoss(
            _cross_entropy(original_logits, real=True), _cross_entropy(restored_logits, real=False)
        )


class RelativisticAverageLoss(AdversarialLoss):
    """Relativistic average: an image is to be found more, or less, real than the average of the opposite set.

    Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, as ESRGAN uses it: both halves count 0.5, and the
    discriminator takes the averages of the opposite set as constants. They are averages over the batch of all
    processes.

    Example:
        >>> import torch
        >>> from biasgan import RelativisticAverageLoss
        >>> original, restored = torch.tensor([[3.0], [5.0]]), torch.tensor([[1.0], [3.0]])
        >>> terms = RelativisticAverageLoss().discriminator(original, restored)
        >>> bool(terms.original < 0.1)  # two more real than the average restored image
        True
    """

    relativistic = True

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """Mean of two: originals should be found less real than the average restored image, restored images more."""
        original, restored = original_logits.detach().float(), restored_logits.float()
        original_average, restored_average = _averages(original, restored)
        less = _cross_entropy(original - restored_average, real=False)
        more = _cross_entropy(restored - original_average, real=True)
        return 0.5 * (less + more)

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """Half of two: originals should be found more real than the average restored image, restored images less."""
        original, restored = original_logits.float(), restored_logits.float()
        original_average, restored_average = _averages(original.detach(), restored.detach())
        return DiscriminatorLoss(
            0.5 * _cross_entropy(original - restored_average, real=True),
            0.5 * _cross_entropy(restored - original_average, real=False),
        )


def _averages(original: Tensor, restored: Tensor) -> tuple[Tensor, ...]:
    return process_mean(torch.stack([original.mean(), restored.mean()])).unbind()


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
