from torch import Tensor


def pixel_loss(restored: Tensor, original: Tensor) -> Tensor:
    """Mean absolute error of the pixels, in float32: L_recon of eq. 5.

    Args:
        restored: (N, 3, H, W) in [0, 1].
        original: Same shape and range.

    Returns:
        A scalar ≥ 0.
    """
    return (restored.float() - original.float()).abs().mean()
