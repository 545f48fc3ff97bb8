"""Ten lines train any network on any pairs: a GAN with both mitigations, and all else as the paper has Real-ESRGAN.

    python examples/ten_lines.py

Minutes on a laptop's CPU, in which a network begins to learn; give `main` more steps for more. `L.Trainer` is
Lightning's own, with all that it can do.
"""

import lightning as L
from photographs import pairs
from torch import Tensor, nn
from torch.utils.data import DataLoader, random_split

from biasgan import ConditionalDiscriminator, DivergenceRegularizer, RestorationGAN, UNetDiscriminator


class MyNetwork(nn.Module):
    """Any network will do that makes (N, 3, H, W) of (N, 3, H, W); this one begins with the compressed image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 32, 5, padding=2), nn.PReLU(), nn.Conv2d(32, 3, 5, padding=2))
        for parameter in self.layers[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        return image + self.layers(image)


def main(steps: int = 100, size: int = 64) -> None:
    train, valid = random_split(pairs(size), [0.9, 0.1])

    gan = RestorationGAN(MyNetwork(), UNetDiscriminator(in_channels=6))
    trainer = L.Trainer(max_steps=steps, callbacks=[ConditionalDiscriminator(), DivergenceRegularizer()])
    trainer.fit(gan, DataLoader(train, batch_size=8, shuffle=True))

    trainer.validate(gan, DataLoader(valid), verbose=False)
    compressed, restored = gan.latest["valid/compressed_psnr"], gan.latest["valid/psnr"]
    print(f"PSNR after {trainer.global_step} iterations: {compressed:.2f} dB compressed, {restored:.2f} dB restored")


if __name__ == "__main__":
    main()
