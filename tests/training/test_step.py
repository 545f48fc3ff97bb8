import torch
from torch import Tensor

from biasgan.networks.vgg_features import Features
from biasgan.training.step import Step


def make_step() -> tuple[Step, list[tuple[int, bool]]]:
    passes: list[tuple[int, bool]] = []

    def extract(image: Tensor) -> Features:
        passes.append((len(image), torch.is_grad_enabled()))
        return {"double": 2 * image}

    images = [torch.full((2, 3, 4, 4), value) for value in (0.1, 0.2, 0.3)]
    return Step(images[0], images[1], images[2].requires_grad_(), extract), passes


def test_features_are_computed_once_and_belong_to_their_images() -> None:
    step, passes = make_step()
    for _ in range(2):
        assert torch.equal(step.compressed_features["double"], 2 * step.compressed)
        assert torch.equal(step.original_features["double"], 2 * step.original)
        assert torch.equal(step.restored_features["double"], 2 * step.restored)
    assert passes == [(4, False), (2, True)]


def test_compressed_images_are_passed_only_where_something_asks() -> None:
    step, passes = make_step()
    assert torch.equal(step.original_features["double"], 2 * step.original)
    assert passes == [(2, False)]
    assert torch.equal(step.compressed_features["double"], 2 * step.compressed)
    assert passes == [(2, False), (2, False)]


def test_only_restored_features_carry_a_gradient() -> None:
    step, _ = make_step()
    assert step.restored_features["double"].requires_grad
    assert not step.compressed_features["double"].requires_grad
    assert not step.original_features["double"].requires_grad
