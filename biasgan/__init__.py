"""biasgan: restore compressed images with GANs that are not biased towards the compressed image."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from biasgan.inference.restorer import Restorer

__version__ = "0.1.0"


def load(
    model: "str | Path" = "bundled",
    *,
    realism: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | None = None,
) -> "Restorer":
    """Load a model that restores images: `restored = biasgan.load()("photo.jpg")`.

    Args:
        model: A run folder, a checkpoint, a weight file, hf:USER/NAME or hf:USER/NAME@REVISION of the Hugging Face Hub,
            `bundled` or `bundled-pixel`.
        realism: For `bundled` alone: 0 for what it was before its adversarial stage, 1 for what that made of it, and
            mixtures between.
        device: As PyTorch names it, or `auto`: a GPU if there is one.
        precision: `32`, `bf16`, or `auto`: bf16 where the processor computes it.
        tile: Side of the tiles that images are cut into, in pixels; None for what memory allows.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileNotFoundError: If there is no such model.
        OSError: If it is not to be had from the hub.
        ValueError: If an option is none, or the model has no twin to mix with.
    """
    from biasgan.inference.load import load_model
    from biasgan.inference.restorer import Restorer

    return Restorer(load_model(model, realism), device, precision, tile)
