import copy

import pytest
import torch
from torch import Tensor

from biasgan.losses.pixel import charbonnier_loss

from .conftest import MakePairs, make_fidelity, make_trainer


def test_pays_the_loss_that_it_is_given(make_pairs: MakePairs) -> None:
    module = make_fidelity(iterations=1)
    start = copy.deepcopy(module.generator)
    batches: list[tuple[Tensor, Tensor]] = []

    def loss(restored: Tensor, original: Tensor) -> Tensor:
        batches.append((restored.detach(), original))
        return charbonnier_loss(restored, original, epsilon=0.1)

    module.loss = loss
    make_trainer(max_steps=1, validate_every=1).fit(module, datamodule=make_pairs(iterations=1))
    ((restored, original),) = batches
    expected = charbonnier_loss(restored, original, epsilon=0.1).item()
    assert module.latest["generator/pixel"] == pytest.approx(expected)
    assert any(not torch.equal(p, q) for p, q in zip(start.parameters(), module.generator.parameters(), strict=True))


def test_restores_images_of_sizes_that_the_generator_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_fidelity()
    monkeypatch.setattr(module.generator, "multiple_of", 8)
    sizes: list[torch.Size] = []
    module.generator.register_forward_pre_hook(lambda _, arguments: sizes.append(arguments[0].shape[-2:]))
    image = torch.rand(1, 3, 13, 3)
    assert module(image).shape == image.shape
    assert sizes == [(16, 8)]
