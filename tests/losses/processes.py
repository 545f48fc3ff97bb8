"""Losses in two processes, each with half of a batch, whose gradients are averaged as DDP does.

`python -m tests.losses.processes FOLDER`: writes what `losses` gives, averaged over both, to `FOLDER/averages.json`.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from biasgan.losses.adversarial import RelativisticAverageLoss
from biasgan.losses.divergence import feature_divergence

LAYERS = {"conv1_2": 2.0, "conv2_2": 1.0, "conv3_1": 3.0}


def losses(part: slice) -> dict[str, list[float]]:
    """Loss of a part of a batch, and its gradients by parameters, for each loss that depends on the whole batch."""
    random = torch.Generator().manual_seed(1)
    original, restored, compressed = torch.randn(3, 4, 3, 5, 5, generator=random)
    # How far from the compressed image: the hinge opens for the first half alone, and for the whole batch.
    moved = compressed + torch.tensor([0.2, 0.3, 1.5, 1.4])[:, None, None, None] * (original - compressed)
    original, restored, compressed, moved = (image[part] for image in (original, restored, compressed, moved))
    slope, offset = torch.randn(2, generator=random)
    # Logits and features as linear functions of the images, with a map of them and with one a sample.
    parameters = [slope.requires_grad_(), offset.requires_grad_()]

    def logits(image: Tensor) -> Tensor:
        return (slope * image + offset * image.square()).mean(1, keepdim=True)

    def features(image: Tensor) -> dict[str, Tensor]:
        return {name: slope * image + place * offset * image.abs() for place, name in enumerate(LAYERS)}

    loss = RelativisticAverageLoss()
    totals = {
        "generator": loss.generator(logits(original), logits(restored)),
        "one a sample": loss.generator(logits(original).mean((2, 3)), logits(restored).mean((2, 3))),
        "discriminator": torch.stack(loss.discriminator(logits(original), logits(restored))).sum(),
        "divergence": feature_divergence(features(moved), features(original), features(compressed), LAYERS, "batch"),
    }
    found: dict[str, list[float]] = {}
    for name, total in totals.items():
        gradients = torch.autograd.grad(total, parameters, retain_graph=True)
        found[name] = [float(value.detach()) for value in (total, *gradients)]
    return found


def main(folder: Path) -> None:
    """Fork, join, compute and average."""
    child = os.fork()
    rank = int(child == 0)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found = losses(slice(2 * rank, 2 * rank + 2))
    averages = torch.tensor(list(found.values()), dtype=torch.float64)
    dist.all_reduce(averages)
    dist.destroy_process_group()
    if rank == 0:
        (folder / "averages.json").write_text(json.dumps(dict(zip(found, (averages / 2).tolist(), strict=True))))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
