"""The paper's ablation (Tab. 5) as four runs of one group in W&B: neither mitigation, each, and both.

    python examples/wandb_sweep.py                      # where you are logged in
    WANDB_MODE=offline python examples/wandb_sweep.py   # nothing leaves the machine

The same from the command line, side by side on all GPUs: `python -m biasgan.train -m
method=vanilla,conditional,divergence,full logger=wandb`.
"""

from collections.abc import Sequence

import lightning as L
import wandb
from lightning.pytorch.loggers import WandbLogger
from photographs import pairs
from torch.utils.data import DataLoader

from biasgan import ARCNN, ConditionalDiscriminator, DivergenceRegularizer, RestorationGAN, UNetDiscriminator

METHODS = {
    "vanilla": [],
    "conditional": [ConditionalDiscriminator],
    "divergence": [DivergenceRegularizer],
    "full": [ConditionalDiscriminator, DivergenceRegularizer],
}


def main(steps: int = 100, size: int = 64, methods: Sequence[str] = tuple(METHODS)) -> None:
    for method in methods:
        L.seed_everything(0)
        mitigations = [mitigation() for mitigation in METHODS[method]]
        gan = RestorationGAN(ARCNN(), UNetDiscriminator(3 + sum(each.extra_channels for each in mitigations)))
        logger = WandbLogger(project="biasgan", group="ablation", name=method)
        trainer = L.Trainer(max_steps=steps, callbacks=mitigations, logger=logger)
        trainer.fit(gan, DataLoader(pairs(size), batch_size=8, shuffle=True))
        wandb.finish()
        print(f"{method}: pixel loss {gan.terms['generator/pixel']:.4f}")


if __name__ == "__main__":
    main()
