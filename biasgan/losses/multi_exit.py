from collections.abc import Iterable

import torch
from torch import Tensor

QUALITIES = {"jpeg": (50, 40, 30, 20, 10), "bpg": (22, 27, 32, 37, 42)}
"""Name of a codec → the qualities that `WEIGHTS` has rows for, the best first."""

WEIGHTS = (
    (2.0, 1.0, 1.0, 0.5, 0.5),
    (1.0, 2.0, 1.0, 0.5, 0.5),
    (0.5, 1.0, 2.0, 1.0, 0.5),
    (0.5, 0.5, 1.0, 2.0, 1.0),
    (0.5, 0.5, 1.0, 1.0, 2.0),
)
"""powerqe's: for each quality the weights of exits 1 to 5. The better an image, the earlier the exit that counts."""


def exit_weights(qualities: Iterable[int], codec: str) -> Tensor:
    """Weight of each exit of RBQE in the loss of images: those of the nearest quality that powerqe has.

    Args:
        qualities: Of each image, in the codec's own numbers; half-way between two, the better one is the nearest.
        codec: Name of the codec.

    Returns:
        (images, 5), float32.

    Raises:
        ValueError: If the weights for this codec are not known.
    """
    if codec not in QUALITIES:
        raise ValueError(
            f"The weights of exits are known for the qualities of {' and '.join(QUALITIES)}, not for those of {codec}. "
            "Choose codec=jpeg_blind or codec=bpg qp=22-42, or train one exit alone with baseline=rbqe."
        )
    known = QUALITIES[codec]
    rows = [min(range(len(known)), key=lambda row: abs(known[row] - quality)) for quality in qualities]
    return torch.tensor(WEIGHTS)[rows]


def multi_exit_loss(exits: Iterable[Tensor], original: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over exits of the mean squared error, averaged over the batch, in float32.

    Xing et al., Early Exit or Not: Resource-Efficient Blind Quality Enhancement for Compressed Images, ECCV 2020.

    Args:
        exits: Restored images of each exit, the earliest first, (N, 3, H, W) in [0, 1].
        original: Same shape and range.
        weights: (N, exits); see `exit_weights`.

    Returns:
        A scalar ≥ 0.
    """
    errors = [(restored.float() - original.float()).square().mean((1, 2, 3)) for restored in exits]
    return (weights * torch.stack(errors, 1)).sum(1).mean()
