from collections.abc import Mapping
from pydoc import locate
from typing import Any

from biasgan.io.checksums import sha256_of_json
from biasgan.system.imports import importing

ADVERSARIAL = ("discriminator", "schedule", "adversarial_loss", "weights", "layers")
"""Of a GAN's training, what its pixel stage has no use for."""


def pixel_stage_key(config: Mapping[str, Any]) -> str | None:
    """What tells the pixel stage of a training from others: two of one key would train the same weights.

    All of the configuration counts but the adversarial stage's own: the discriminator, its loss, weights and learning
    rate, and the mitigations.

    Args:
        config: The resolved configuration in plain containers, the run folder left out.

    Returns:
        Eight hexadecimal digits; None if the training is not to go beyond a pixel stage, or has none.
    """
    training = config["training"]
    if not 0 < training.get("pretrain_iterations", 0) < config["trainer"]["max_steps"]:
        return None
    callbacks = {name: node for name, node in config["callbacks"].items() if not is_mitigation(node)}
    own = ("discriminator", "adversarial", "init_discriminator_from", "sweep", "resume", "restarts", "pixel_stage")
    shared = {key: value for key, value in config.items() if key not in own}
    shared["training"] = {key: value for key, value in training.items() if key not in ADVERSARIAL}
    shared["callbacks"] = callbacks
    return sha256_of_json(shared)[:8]


def is_mitigation(node: Mapping[str, Any]) -> bool:
    """Whether a configuration node describes a mitigation."""
    # Seconds that a sweep of other trainings does not take.
    with importing():
        from biasgan.training.mitigations.mitigation import Mitigation

    kind = locate(node["_target_"])
    return isinstance(kind, type) and issubclass(kind, Mitigation)
