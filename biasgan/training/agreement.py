"""Whether a Trainer and a training agree."""

import math
from typing import cast

from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, Strategy

from biasgan.data.datamodule import RestorationData


def planned_iterations(trainer: Trainer) -> int:
    """How many batches a Trainer is to train with: `max_steps`, or `max_epochs` times those of an epoch, if fewer.

    Raises:
        ValueError: If it is not told.
    """
    planned = trainer.estimated_stepping_batches
    if planned < 0 or planned == math.inf:
        raise ValueError(
            "Nothing says how long this training is to be. Give the Trainer max_steps, or max_epochs where the data "
            "has a length, or the module iterations."
        )
    return int(planned)


def check_length(trainer: Trainer, iterations: int) -> None:
    """Refuse a Trainer that is to do more than a training was laid out for, or than there is data for.

    Fewer are fine, since a training may be done in several parts; and so are more in one that goes on.

    Args:
        trainer: Before its first iteration.
        iterations: Over which the training is laid out.

    Raises:
        ValueError: Says what contradicts what, and what to do.
    """
    planned = trainer.estimated_stepping_batches
    told = f"The Trainer is to do {planned} iterations (max_steps={trainer.max_steps}, max_epochs={trainer.max_epochs})"
    if planned > iterations and not trainer.global_step:
        raise ValueError(
            f"{told}, and the training is laid out over iterations={iterations}. Leave iterations out, which follow "
            "from the Trainer then, or say the same twice."
        )
    data = cast(object, trainer.datamodule)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - set where pyright does not look
    if isinstance(data, RestorationData) and planned > data.iterations:
        raise ValueError(f"{told}, and the data is of iterations={data.iterations}. Say the same twice.")


def check_precision(precision: str) -> None:
    """Refuse fp16.

    Raises:
        ValueError: Says what to use instead.
    """
    if "16" in precision and "bf16" not in precision:
        raise ValueError(
            f"trainer.precision={precision}: fp16 needs one loss scale for two networks and fails for GANs. "
            "Use trainer.precision=bf16-mixed, or 32-true on a device without bf16."
        )


def check_strategy(strategy: str | Strategy) -> None:
    """Refuse DDP that cannot bear a network which rests.

    Raises:
        ValueError: Says what to use instead.
    """
    plain = isinstance(strategy, DDPStrategy) and not strategy._ddp_kwargs.get("find_unused_parameters")  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType] - no public name
    if plain or strategy in ("ddp", "ddp_static_graph"):
        raise ValueError(
            f"trainer.strategy={strategy if isinstance(strategy, str) else 'ddp'}: each backward pass of a GAN leaves "
            "one of the two networks unused, which this strategy cannot bear. Use trainer=ddp, which has it find "
            'unused parameters; in Python strategy="ddp_find_unused_parameters_true", or devices=1.'
        )
