import importlib

import pytest
import torch

from biasgan.metrics import fid, fidelity, iqa
from biasgan.metrics.fidelity import PSNR, PSNRB, SSIM, LumaPSNR, LumaSSIM
from biasgan.metrics.metric import ImageMetric
from biasgan.metrics.sizes import SMALLEST_SIDES, needs


@pytest.mark.parametrize("metric", [PSNR(), SSIM(), LumaPSNR(), LumaSSIM(), PSNRB()])
def test_a_metric_takes_its_smallest_side_and_no_less(metric: ImageMetric) -> None:
    side = metric.smallest_side
    for height, width in ((side, 40), (40, side)):
        image = torch.rand(1, 3, height, width).mul(255).round().div(255)
        assert metric.measure(image, 1 - image).isfinite().all()
        if side > 1:
            with pytest.raises(ValueError, match=f"needs sides of at least {side} pixels"):
                metric.measure(image[:, :, : side - 1, : side - 1], image[:, :, : side - 1, : side - 1])


def test_all_that_is_listed_there_is() -> None:
    modules = [importlib.import_module(module.__name__) for module in (fid, fidelity)]
    for name, side in SMALLEST_SIDES.items():
        classes = [getattr(module, name) for module in modules if hasattr(module, name)]
        assert classes or name in iqa.MODELS
        assert all(each.smallest_side == side for each in classes)


def test_a_configuration_says_what_its_metrics_need() -> None:
    metrics = {
        "psnr": {"_target_": "biasgan.metrics.fidelity.PSNR"},
        "blocks": {"_target_": "biasgan.metrics.fidelity.PSNRB"},
        "niqe": {"_target_": "biasgan.metrics.iqa.IQA", "model": "niqe"},
    }
    assert needs({"metrics": metrics}) == {"blocks": 16, "niqe": 96}
    assert needs({}) == {}
