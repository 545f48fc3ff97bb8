from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import Strategy

from biasgan.system.processor import has_bf16
from biasgan.training.agreement import check_precision, check_strategy
from biasgan.training.callbacks.checkpoints import AtomicCheckpointIO

ENDLESS = "means nothing, since a training is one pass over endlessly many crops"
REFUSED: Mapping[str, tuple[object, str]] = {
    "gradient_clip_val": (None, "has no effect with two optimisers; set clip_gradients instead"),
    "accumulate_grad_batches": (None, "has no effect with two optimisers; set accumulate instead"),
    "max_epochs": (-1, f"{ENDLESS}; set iterations instead"),
    "min_epochs": (0, f"{ENDLESS}; set trainer.min_steps instead"),
    "check_val_every_n_epoch": (None, f"{ENDLESS}; set validate_every instead"),
    "reload_dataloaders_every_n_epochs": (0, ENDLESS),
    "limit_train_batches": (None, f"{ENDLESS}; set trainer.max_steps instead"),
    "overfit_batches": (0, f"{ENDLESS}; give it few images instead"),
    "fast_dev_run": (False, "would leave no run; set trainer.max_steps=1 instead, which validates and saves too"),
    "barebones": (False, "would leave no run"),
    "num_sanity_val_steps": (0, "is of no use, since what later stages need is checked at the start"),
    "enable_checkpointing": (None, "is of no use, since checkpoints are those of callbacks.checkpoints"),
    "use_distributed_sampler": (False, "would share images out twice"),
}
"""Options of Lightning's that a run has no use for → the value that changes nothing, and why or what to do instead."""


def restoration_trainer(
    max_steps: int,
    val_check_interval: int,
    callbacks: Sequence[Callback],
    logger: Sequence[Logger],
    precision: str = "auto",
    strategy: str | Strategy = "auto",
    **options: object,
) -> Trainer:
    """Make a Trainer that suits two optimisers and endless sampling.

    Args:
        max_steps: Iterations after which to stop.
        val_check_interval: Iterations between two validations; the last iteration is always validated.
        callbacks: In the order in which they are to run.
        logger: None, one or several.
        precision: `auto` is bf16 where the processor computes it, else fp32; or one of Lightning's names.
        strategy: As Lightning's; with several devices DDP that finds unused parameters.
        **options: More options of Lightning's Trainer: accelerator, devices, num_nodes …

    Raises:
        ValueError: For what does not work with a GAN, as fp16 and plain DDP, or means nothing in a training that counts
            iterations alone.

    Examples:
        >>> from biasgan import EMA, ConditionalDiscriminator, DivergenceRegularizer, restoration_trainer
        >>> callbacks = [ConditionalDiscriminator(), DivergenceRegularizer(), EMA()]
        >>> trainer = restoration_trainer(1000, val_check_interval=500, callbacks=callbacks, logger=[])
        >>> trainer.max_steps
        1000
    """
    check_options(val_check_interval, strategy, options)
    if precision == "auto":
        precision = "bf16-mixed" if has_bf16(str(options.get("accelerator", "auto"))) else "32-true"
    precision = str(precision)
    check_precision(precision)
    ours = {
        "max_epochs": -1,
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
        "use_distributed_sampler": False,
        # Lightning refuses users' own, such as ModelCheckpoint, where this is not set, and adds one where it is.
        "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return Trainer(
        max_steps=max_steps,
        val_check_interval=val_check_interval,
        callbacks=list(callbacks),
        logger=list(logger),
        precision=precision,  # pyright: ignore[reportArgumentType] - Lightning rejects unknown names itself
        strategy=strategy,
        plugins=[AtomicCheckpointIO()],
        **cast(dict[str, Any], ours | {name: value for name, value in options.items() if name not in REFUSED}),
    )


def check_options(val_check_interval: object, strategy: str | Strategy, options: Mapping[str, object]) -> None:
    """Refuse options of Lightning's that would fail, or mean nothing here, or something else than they say.

    Raises:
        ValueError: Names the option, and what to set instead.
    """
    if options.get("accelerator") in ("gpu", "cuda") and not torch.accelerator.is_available():
        raise ValueError("PyTorch finds no GPU here. Use trainer=cpu, or trainer=auto, which takes what there is.")
    if isinstance(strategy, str):
        check_strategy(strategy)
    if type(val_check_interval) is not int or val_check_interval < 1:
        raise ValueError(
            f"trainer.val_check_interval={val_check_interval} must be a whole number of iterations; set validate_every "
            "instead."
        )
    for option, (neutral, instead) in REFUSED.items():
        value = options.get(option)
        if value is not None and value != neutral:
            raise ValueError(f"trainer.{option} {instead}.")
