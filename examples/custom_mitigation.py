r"""A mitigation of your own: what else the discriminator is shown, and what else the generator pays for.

    python examples/custom_mitigation.py

It is a Lightning callback, and goes with those of the paper. The command takes it too, where Python finds it:

    PYTHONPATH=examples python -m biasgan.train method=vanilla discriminator.in_channels=6 \
      +callbacks.residual._target_=custom_mitigation.ResidualDiscriminator
"""

from collections.abc import Mapping

import lightning as L
import torch
from photographs import pairs
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torch.utils.data import DataLoader

from biasgan import ARCNN, Mitigation, RestorationGAN, Step, UNetDiscriminator


class ResidualDiscriminator(Mitigation):
    """Show the discriminator what was added to the compressed image, and let blocks keep their mean colours."""

    extra_channels = 3

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """The candidate, and its difference from the compressed image."""
        return torch.cat([image, image - step.compressed], dim=1)

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """Terms by name, weighted; they are logged as `generator/…`."""
        changes = avg_pool2d(step.restored - step.compressed, 8)
        return {"mean_colour": 0.1 * changes.abs().mean()}


def main(steps: int = 100, size: int = 64) -> None:
    gan = RestorationGAN(ARCNN(), UNetDiscriminator(in_channels=6))
    trainer = L.Trainer(max_steps=steps, callbacks=[ResidualDiscriminator()])
    trainer.fit(gan, DataLoader(pairs(size), batch_size=8, shuffle=True))
    print(f"mean colour after {trainer.global_step} iterations: {gan.terms['generator/mean_colour']:.4f}")


if __name__ == "__main__":
    main()
