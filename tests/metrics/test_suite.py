import pickle

import pytest
import torch
from torch import Tensor

from biasgan.metrics.fidelity import PSNR, SSIM, LumaPSNR
from biasgan.metrics.protocol import Protocol
from biasgan.metrics.suite import Suite


class Absent(PSNR):
    protocol = Protocol("Absent", "", True, "none")
    unavailable = "No weights. Fetch them."


def suite() -> Suite:
    return Suite({"ssim": SSIM(), "psnr": PSNR(), "psnr_y": LumaPSNR()})


def pairs(count: int) -> list[tuple[Tensor, Tensor]]:
    """Whole images of different sizes, and their originals."""
    generator = torch.Generator().manual_seed(count)
    sizes = [(3, 20 + 3 * number, 30 - number) for number in range(count)]
    originals = [torch.randint(0, 256, size, generator=generator)[None] / 255 for size in sizes]
    return [((original * 0.9 * 255).round() / 255, original) for original in originals]


def test_images_of_different_sizes_count_alike() -> None:
    metrics = suite()
    for image, original in pairs(3):
        metrics.update(image, original)
    each = metrics.each()
    assert {name: len(values) for name, values in each.items()} == dict.fromkeys(("ssim", "psnr", "psnr_y"), 3)
    alone = [PSNR().measure(*pair) for pair in pairs(3)]
    torch.testing.assert_close(each["psnr"], torch.cat(alone))
    assert metrics.compute() == {name: pytest.approx(values.mean().item()) for name, values in each.items()}
    metrics.reset()
    assert all(len(values) == 0 for values in metrics.each().values())


def test_metrics_that_are_equal_at_first_stay_apart() -> None:
    metrics = suite()
    black = torch.zeros(1, 3, 20, 20)
    metrics.update(black, black)
    for image, original in pairs(1):
        metrics.update(image, original)
    each = metrics.each()
    assert each["psnr"][0] == each["psnr_y"][0] == torch.inf
    assert each["psnr"][1] != each["psnr_y"][1]


def test_what_cannot_be_computed_is_named_and_the_rest_is_computed() -> None:
    metrics = Suite({"psnr": PSNR(), "absent": Absent()})
    assert metrics.unavailable == {"absent": "No weights. Fetch them."}
    assert metrics.protocols == {"psnr": PSNR.protocol}
    metrics.update(*pairs(1)[0])
    assert metrics.compute().keys() == metrics.each().keys() == {"psnr"}


def test_copies_know_the_same_and_count_alone() -> None:
    metrics = Suite({"psnr": PSNR(), "absent": Absent()})
    for copy in (metrics.clone(), pickle.loads(pickle.dumps(metrics))):
        assert isinstance(copy, Suite)
        copy.update(*pairs(1)[0])
        assert copy.unavailable == metrics.unavailable
        assert copy.protocols == metrics.protocols
        assert len(copy.each()["psnr"]) == 1
    assert len(metrics.each()["psnr"]) == 0
