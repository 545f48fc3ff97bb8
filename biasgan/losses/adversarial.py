from abc import ABC, abstractmethod
from collections.abc import Sequence
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
    gamma: float = 0.0
    """Weight of what the discriminator pays for steep logits; see `gradient_penalty`."""

    @abstractmethod
    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """What the generator pays: L_discrim of eq. 5, unweighted.

        Args:
            original_logits: Discriminator's logits for the originals, (N, 1) or (N, 1, H, W); detached here.
            restored_logits: Those for the restored images; they carry the gradient to the generator.

        Returns:
            A scalar.
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

    @staticmethod
    def score(logits: Tensor) -> Tensor:
        """How real the discriminator finds what it judges, in [0, 1]; of a relativistic loss, the logits themselves."""
        return logits

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

    Examples:
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

    @staticmethod
    def score(logits: Tensor) -> Tensor:
        """The probability of being original that the logits stand for."""
        return logits.sigmoid()


class HingeLoss(AdversarialLoss):
    """Hinge: the discriminator wants originals above 1 and restored images below -1, the generator wants them higher.

    Lim and Ye, Geometric GAN, 2017; as in Miyato et al., Spectral normalization, ICLR 2018.

    Examples:
        >>> import torch
        >>> from biasgan import HingeLoss
        >>> HingeLoss.score(torch.tensor([-1.0, 0.0, 3.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    relativistic = False

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """The mean logit of restored images, negated; the originals do not count."""
        return -restored_logits.float().mean()

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """By how much originals are below 1, and restored images above -1."""
        return DiscriminatorLoss(
            (1 - original_logits.float()).relu().mean(), (1 + restored_logits.float()).relu().mean()
        )

    @staticmethod
    def score(logits: Tensor) -> Tensor:
        """From 0 at the margin of restored images to 1 at that of originals; beyond them nothing is learned."""
        return ((logits + 1) / 2).clamp(0, 1)


class LeastSquaresLoss(AdversarialLoss):
    """Least squares: originals are to get 1, restored images 0; the generator wants 1 for them.

    Mao et al., Least squares generative adversarial networks, ICCV 2017, eq. 9, with its factors of a half.

    Examples:
        >>> import torch
        >>> from biasgan import LeastSquaresLoss
        >>> LeastSquaresLoss().generator(torch.ones(2, 1), torch.zeros(2, 1))
        tensor(0.5000)
    """

    relativistic = False

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """Half the squared distance of restored images from 1; the originals do not count."""
        return 0.5 * (restored_logits.float() - 1).square().mean()

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """Half the squared distances of originals from 1, and of restored images from 0."""
        return DiscriminatorLoss(
            0.5 * (original_logits.float() - 1).square().mean(), 0.5 * restored_logits.float().square().mean()
        )

    @staticmethod
    def score(logits: Tensor) -> Tensor:
        """The logits: the best discriminator's are the probability of being original."""
        return logits.clamp(0, 1)


class R3Loss(AdversarialLoss):
    """Relativistic pairing: each restored image is held against its own original, with a penalty on steep logits.

    Huang et al., The GAN is dead; long live the GAN! A modern baseline GAN, NeurIPS 2024, eq. 2 with R1 and R2. There
    pairs are of chance; here each is of one picture, pixel by pixel where the discriminator judges pixels.

    Args:
        gamma: Weight of the penalty, at least 0. The paper has 0.05 to 150, the more the larger the images.

    Raises:
        ValueError: If it is negative.

    Examples:
        >>> import torch
        >>> from biasgan import R3Loss
        >>> R3Loss(gamma=1.0).generator(torch.zeros(2, 1), torch.zeros(2, 1))  # as real as its original
        tensor(0.6931)
    """

    relativistic = True

    def __init__(self, gamma: float = 1.0) -> None:
        if not gamma >= 0:
            raise ValueError(f"gamma, the weight of a gradient penalty, must be at least 0; got {gamma}.")
        self.gamma = gamma

    def generator(self, original_logits: Tensor, restored_logits: Tensor) -> Tensor:
        """Cross-entropy of restored images that should be found more real than their originals."""
        return _cross_entropy(restored_logits.float() - original_logits.detach().float(), real=True)

    def discriminator(self, original_logits: Tensor, restored_logits: Tensor) -> DiscriminatorLoss:
        """Cross-entropy of originals that should be found more real than what was restored of them, half for each."""
        half = 0.5 * _cross_entropy(original_logits.float() - restored_logits.float(), real=True)
        return DiscriminatorLoss(half, half)


class RelativisticAverageLoss(AdversarialLoss):
    """Relativistic average: an image is to be found more, or less, real than the average of the opposite set.

    Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, as ESRGAN uses it: both halves count 0.5, and the
    discriminator takes the averages of the opposite set as constants. They are averages over the batch of all
    processes.

    Examples:
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


def gradient_penalty(images: Sequence[Tensor], logits: Sequence[Tensor]) -> Tensor:
    """Half the squared norm of the gradient of an image's mean logit by its pixels, averaged over images, and summed.

    Of originals it is R1 (Mescheder et al., Which training methods for GANs do actually converge?, ICML 2018), of
    restored images R2.

    Args:
        images: Sets of (N, 3, H, W) that take gradients.
        logits: Those of each set, (N, 1) or (N, 1, H, W).

    Returns:
        A scalar ≥ 0 whose own gradient can be taken.
    """
    total = sum((each.float().flatten(1).mean(1).sum() for each in logits), torch.zeros((), device=images[0].device))
    slopes = autograd.grad(total, images, create_graph=True)
    return torch.stack([0.5 * slope.float().square().sum((1, 2, 3)).mean() for slope in slopes]).sum()
