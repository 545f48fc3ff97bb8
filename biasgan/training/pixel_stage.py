from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import RestorationGAN


def after_pixel_stage(module: FidelityRestoration, content: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """A checkpoint at the end of another run's pixel stage, as it would be if that had been this training's own.

    All that a pixel stage leaves to the next one is taken over: iterations done, generator and average. The
    discriminator and the optimisers, whose state the next stage does not take up, are this training's.

    Args:
        module: The training, whose discriminator has the weights that it is to start from.
        content: Of the other run's checkpoint.
        run: Where that is from, for errors.

    Raises:
        ValueError: If the checkpoint is not at the end of a pixel stage of the same length, or the training has none.
    """
    if not isinstance(module, RestorationGAN) or not module.pretrain_iterations:
        raise ValueError(f"pixel_stage={run}: this training has no pixel stage of its own that this could stand for.")
    if content["global_step"] != module.pretrain_iterations:
        raise ValueError(
            f"pixel_stage={run}: its checkpoint is at iteration {content['global_step']}; expected the end of a pixel "
            f"stage, at pretrain_iterations={module.pretrain_iterations}."
        )
    generator = {name: tensor for name, tensor in content["state_dict"].items() if name.startswith("generator.")}
    return {
        **content,
        "state_dict": {**module.state_dict(), **generator},
        "optimizer_states": [optimizer.state_dict() for optimizer in module.configure_optimizers()],
    }
