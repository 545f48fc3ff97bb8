"""A codec of your own: whole images → real bitstreams → whole images, and a network that restores what it made.

    python examples/custom_codec.py

`python -m biasgan.train --config-dir my_conf codec=few_colours` takes it too, where Python finds it and
`my_conf/codec/few_colours.yaml` names it. There pairs are made once and kept, under `identity`, which names everything
that the pixels depend on.
"""

import io
from typing import ClassVar

import lightning as L
import numpy as np
from photographs import pairs
from PIL import Image
from torch.utils.data import DataLoader

from biasgan import ARCNN, Codec, Coded, ConditionalDiscriminator, RestorationGAN, UNetDiscriminator


class FewColours(Codec):
    """PNG with a palette of 2^quality colours, as GIF and old screens had."""

    name: ClassVar[str] = "few_colours"
    extension: ClassVar[str] = "png"
    quality_option: ClassVar[str] = "colour_bits"
    lowest_quality: ClassVar[int] = 1
    highest_quality: ClassVar[int] = 8
    larger_is_better: ClassVar[bool] = True
    usual_quality: ClassVar[int] = 5

    @property
    def identity(self) -> dict[str, str | int]:
        """What the pixels depend on."""
        return {"codec": self.name, "pillow": Image.__version__}

    def encode(self, image: np.ndarray, quality: int) -> Coded:
        """Compress an image, (H, W, 3) uint8 RGB."""
        self.check_quality(quality)
        self.check_image(image)
        file = io.BytesIO()
        Image.fromarray(image).quantize(2**quality, dither=Image.Dither.FLOYDSTEINBERG).save(file, "png")
        return Coded(self.decode(file.getvalue()), file.getvalue())

    def decode(self, data: bytes) -> np.ndarray:
        """Decode a bitstream to (H, W, 3) uint8 RGB."""
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def main(steps: int = 100, size: int = 64) -> None:
    gan = RestorationGAN(ARCNN(), UNetDiscriminator(in_channels=6))
    trainer = L.Trainer(max_steps=steps, callbacks=[ConditionalDiscriminator()])
    trainer.fit(gan, DataLoader(pairs(size, FewColours(), quality=4), batch_size=8, shuffle=True))
    print(f"pixel loss after {trainer.global_step} iterations: {gan.terms['generator/pixel']:.4f}")


if __name__ == "__main__":
    main()
