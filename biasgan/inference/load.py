"""Load a model to restore images with."""

from pathlib import Path

from torch import nn

from biasgan.inference.early_exit import gate_of, with_early_exit
from biasgan.inference.interpolation import interpolate
from biasgan.runs.weights import config_in, generator_file, load_generator

TWINS = {"bundled": "bundled-pixel"}
"""Models → what they were before their adversarial stage."""


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
