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
from spandrel.architectures.FBCNN import FBCNN
from torch.utils.data import DataLoader

from biasgan import ConditionalDiscriminator, DivergenceRegularizer, RestorationGAN, SpandrelModel, UNetDiscriminator


def main(steps: int = 20, size: int = 64) -> None:
    published = FBCNN(nc=[16, 16, 16, 512], nb=2).state_dict()
    # published = torch.load("fbcnn_color.pth", weights_only=True)

    generator = SpandrelModel(published)
    gan = RestorationGAN(generator, UNetDiscriminator(in_channels=6))
    trainer = L.Trainer(max_steps=steps, callbacks=[ConditionalDiscriminator(), DivergenceRegularizer()])
    trainer.fit(gan, DataLoader(pairs(size), batch_size=8, shuffle=True))

    torch.save(generator.state_dict(), "finetuned.pth")
    print(f"finetuned.pth: {ModelLoader().load_from_file('finetuned.pth').architecture.name}")


if __name__ == "__main__":
    main()
