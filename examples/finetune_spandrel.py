"""Fine-tune a published network: whatever spandrel recognises by its weights, with both mitigations.

    pip install 'biasgan[spandrel]'
    python examples/finetune_spandrel.py

The weights are random here, so that nothing is fetched; yours come from a file. What is written opens in spandrel and
chaiNNer, as the published file did.
"""

import lightning as L
import torch
from photographs import pairs
from spandrel import ModelLoader
from spandrel.architectures.SwinIR import SwinIR
from torch.utils.data import DataLoader

from biasgan import ConditionalDiscriminator, DivergenceRegularizer, RestorationGAN, SpandrelModel, UNetDiscriminator


def main(steps: int = 20, size: int = 64) -> None:
    published = SwinIR(depths=[2], embed_dim=12, num_heads=[2], window_size=8, img_size=64).state_dict()
    # published = torch.load("006_colorCAR_DFWB_s126w7_SwinIR-M_jpeg40.pth", weights_only=True)

    generator = SpandrelModel(published)
    gan = RestorationGAN(generator, UNetDiscriminator(in_channels=6))
    trainer = L.Trainer(max_steps=steps, callbacks=[ConditionalDiscriminator(), DivergenceRegularizer()])
    trainer.fit(gan, DataLoader(pairs(size), batch_size=8, shuffle=True))

    torch.save(generator.state_dict(), "finetuned.pth")
    print(f"finetuned.pth: {ModelLoader().load_from_file('finetuned.pth').architecture.name}")


if __name__ == "__main__":
    main()
