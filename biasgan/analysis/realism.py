from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from biasgan.analysis.patches import patches_of

Score = Callable[[Tensor], Tensor]

CHUNK = 16
"""Patches that a discriminator sees at once."""


class Realism(NamedTuple):
    """How real a discriminator finds three sets of images, each in [0, 1]: a row of Tab. 1 or 2."""

    original: float
    restored: float
    compressed: float


class Scores(NamedTuple):
    """`patch_scores` of an image, or of many, as the original, restored and compressed: what `realism` takes."""

    original: Tensor
    restored: Tensor
    compressed: Tensor

    @classmethod
    def joined(cls, scores: Iterable["Scores"]) -> "Scores":
        """Those of several images as one.

        Raises:
            ValueError: If there are none.
        """
        parts = list(zip(*scores, strict=True))
        if not parts:
            raise ValueError("no scores to join; expected those of at least one image")
        return cls(*(torch.cat(part) for part in parts))


@torch.inference_mode()
def score_image(
    judge: nn.Module,
    original: Tensor,
    restored: Tensor,
    compressed: Tensor,
    score: Score,
    patch_size: int = 128,
) -> Scores:
    """Have a discriminator judge all patches of an image.

    The realism of a set of images is `realism(*Scores.joined(…), relativistic)` of the scores of its images.

    Args:
        judge: Patches of the original, the restored and the compressed image, (N, 3, S, S) → logits of each; in
            evaluation mode. See `MitigatedDiscriminator`.
        original: (1, 3, H, W) in [0, 1], on the judge's device.
        restored: The same image restored.
        compressed: The same image after decoding.
        score: What the logits say, as the loss that the discriminator was trained with has it.
        patch_size: Side of the patches.

    Raises:
        ValueError: If the judge is in training mode, in which scores depend on what else is in the batch.
    """
    if judge.training:
        raise ValueError(f"{type(judge).__name__} is in training mode; call its eval() before it judges.")
    parts = patches_of((original, restored, compressed), patch_size, CHUNK)
    return Scores.joined(Scores(*(patch_scores(logits, score) for logits in judge(*part))) for part in parts)


def patch_scores(logits: Tensor, score: Score) -> Tensor:
    """One number per patch, from which `realism` is computed once all patches are known.

    Args:
        logits: A discriminator's logits, (N, 1) or (N, 1, H, W).
        score: Logits → how real each finds what it judges, as `AdversarialLoss.score` has it.

    Returns:
        (N,) in float32: the mean score, in [0, 1], or of a relativistic loss the mean logit.

    Examples:
        >>> import torch
        >>> from biasgan import patch_scores
        >>> patch_scores(torch.zeros(2, 1, 8, 8), torch.sigmoid)
        tensor([0.5000, 0.5000])
    """
    return score(logits.float()).flatten(1).mean(1)


def realism(original: Tensor, restored: Tensor, compressed: Tensor, relativistic: bool) -> Realism:
    """Average realism of the originals, the restored and the compressed images: that of `patch_realism`.

    Args:
        original: `patch_scores` of the originals, (P,).
        restored: Those of the restored images.
        compressed: Those of the compressed images.
        relativistic: Whether the discriminator was trained with a relativistic loss.

    Returns:
        Three averages in [0, 1].

    Examples:
        >>> import torch
        >>> from biasgan import realism
        >>> scores = torch.tensor([0.75, 0.75]), torch.tensor([0.25, 0.25]), torch.tensor([0.75, 1.0])
        >>> realism(*scores, relativistic=False)
        Realism(original=0.75, restored=0.25, compressed=0.875)
    """
    return Realism(*(each.mean().item() for each in patch_realism(original, restored, compressed, relativistic)))


def patch_realism(original: Tensor, restored: Tensor, compressed: Tensor, relativistic: bool) -> Scores:
    """Realism of each patch among those of a set.

    The paper does not say how it scores a relativistic discriminator. Here it is the probability of being more real
    than the average of the opposite set, sigmoid(D(x) - mean D), where original and compressed images are held
    against the restored ones and the restored against the originals.

    Args:
        original: `patch_scores` of the originals, (P,).
        restored: Those of the restored images.
        compressed: Those of the compressed images.
        relativistic: Whether the discriminator was trained with a relativistic loss.

    Returns:
        The same patches, each in [0, 1].
    """
    if not relativistic:
        return Scores(original, restored, compressed)
    return Scores(
        (original - restored.mean()).sigmoid(),
        (restored - original.mean()).sigmoid(),
        (compressed - restored.mean()).sigmoid(),
    )
