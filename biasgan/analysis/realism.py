from typing import NamedTuple

from torch import Tensor


class Realism(NamedTuple):
    """How real a discriminator finds three sets of images, each in [0, 1]: a row of Tab. 1 or 2."""

    original: float
    restored: float
    compressed: float


def patch_scores(logits: Tensor, relativistic: bool) -> Tensor:
    """One number per patch, from which `realism` is computed once all patches are known.

    Args:
        logits: A discriminator's logits, (N, 1) or (N, 1, H, W).
        relativistic: Whether the discriminator was trained with a relativistic loss.

    Returns:
        (N,) in float32: the mean logit if relativistic, else the mean of the sigmoid, in [0, 1].
    """
    logits = logits.float().flatten(1)
    return (logits if relativistic else logits.sigmoid()).mean(1)


def realism(original: Tensor, restored: Tensor, compressed: Tensor, relativistic: bool) -> Realism:
    """Average realism of the originals, the restored and the compressed images.

    The paper does not say how it scores a relativistic discriminator. Here it is the probability of being more real
    than the average of the opposite set, sigmoid(D(x) - mean D), where original and compressed images are held
    against the restored ones and the restored against the originals.

    Args:
        original: `patch_scores` of the originals, (P,).
        restored: Those of the restored images.
        compressed: Those of the compressed images.
        relativistic: As given to `patch_scores`.

    Returns:
        Three averages in [0, 1].
    """
    if relativistic:
        original, restored, compressed = (
            (original - restored.mean()).sigmoid(),
            (restored - original.mean()).sigmoid(),
            (compressed - restored.mean()).sigmoid(),
        )
    return Realism(original.mean().item(), restored.mean().item(), compressed.mean().item())
