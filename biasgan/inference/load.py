"""Load a model to restore images with."""

from pathlib import Path

from torch import nn

from biasgan.inference.early_exit import gate_of, with_early_exit
from biasgan.inference.interpolation import interpolate
from biasgan.inference.restorer import Restorer
from biasgan.runs.weights import config_in, generator_file, load_generator

TWINS = {"bundled": "bundled-pixel"}
"""Models → what they were before their adversarial stage."""


def load(
    model: str | Path = "bundled",
    *,
    realism: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | None = None,
) -> Restorer:
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

    Examples:
        >>> import biasgan
        >>> from PIL import Image
        >>> photo = Image.linear_gradient("L").convert("RGB")
        >>> restore = biasgan.load()
        >>> restore(photo).size
        (256, 256)
    """
    return Restorer(load_model(model, realism), device, precision, tile)


def load_model(model: str | Path = "bundled", realism: float | None = None) -> nn.Module:
    """Load a generator; an RBQE of several exits leaves early where its gate is known for the codec.

    Args:
        model: What `weights.generator_file` takes.
        realism: Weight of the adversarial weights in a mixture with those of before the adversarial stage, from 0 to 1;
            None for the model as it is. Only for `bundled`.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileNotFoundError: If there is no such file.
        ValueError: If the model has no such twin, or the weight is none.
    """
    generator = load_generator(model)
    if realism is not None:
        if str(model) not in TWINS:
            raise ValueError(
                f"realism mixes a model with what it was before its adversarial stage, and only bundled brings that; "
                f"got {model}. Mix two of your own with biasgan interpolate A B --weight {realism:g}, and "
                "give the file that it writes as the model."
            )
        twin = load_generator(TWINS[str(model)]).state_dict()
        generator.load_state_dict(interpolate(twin, generator.state_dict(), realism))
    gate = gate_of(config_in(generator_file(model)) or {})
    return with_early_exit(generator, gate) if gate else generator
