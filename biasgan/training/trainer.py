from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger

from biasgan.processor import has_bf16
from biasgan.training.checkpoints import AtomicCheckpointIO


def restoration_trainer(
    max_steps: int,
    val_check_interval: int,
    callbacks: Sequence[Callback],
    logger: Sequence[Logger],
    precision: str = "auto",
    strategy: str = "auto",
    **options: object,
) -> Trainer:
    """Make a Trainer that suits two optimisers and endless sampling.

    Args:
        max_steps: Iterations after which to stop.
        val_check_interval: Iterations between two validations; the last iteration is always validated.
        callbacks: In the order in which they are to run.
        logger: None, one or several.
        precision: `auto` is bf16 where the processor computes it, else fp32; or one of Lightning's names.
        strategy: As Lightning's; with several devices `ddp_find_unused_parameters_true`.
        **options: More options of Lightning's Trainer: accelerator, devices, num_nodes …

    Raises:
        ValueError: For what does not work with a GAN: fp16, plain DDP, the Trainer's clipping and accumulation.
    """
    if precision == "auto":
        precision = "bf16-mixed" if has_bf16(str(options.get("accelerator", "auto"))) else "32-true"
    precision = str(precision)
    if "16" in precision and "bf16" not in precision:
        raise ValueError(
            f"trainer.precision={precision}: fp16 needs one loss scale for two networks and fails for GANs. "
            "Use trainer.precision=bf16-mixed, or 32-true on a device without bf16."
        )
    if options.get("accelerator") in ("gpu", "cuda") and not torch.accelerator.is_available():
        raise ValueError("PyTorch finds no GPU here. Use trainer=cpu, or trainer=auto, which takes what there is.")
    if strategy in ("ddp", "ddp_static_graph"):
        raise ValueError(
            f"trainer.strategy={strategy}: each backward pass of a GAN leaves one of the two networks unused, which "
            "this strategy cannot bear. Use trainer=ddp, which sets ddp_find_unused_parameters_true."
        )
    for option, instead in (("gradient_clip_val", "clip_gradients"), ("accumulate_grad_batches", "accumulate")):
        if options.get(option) is not None:
            raise ValueError(f"trainer.{option} has no effect with two optimisers; set {instead} instead.")
    return Trainer(
        max_steps=max_steps,
        max_epochs=-1,
        val_check_interval=val_check_interval,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        callbacks=list(callbacks),
        logger=list(logger),
        precision=precision,  # pyright: ignore[reportArgumentType] - Lightning rejects unknown names itself
        strategy=strategy,
        plugins=[AtomicCheckpointIO()],
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **cast(dict[str, Any], options),
    )
