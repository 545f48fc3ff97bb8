import socket
import warnings
from importlib import import_module
from typing import Any

import pyiqa
import pytest
import timm
import torch
import torchvision
from pyiqa.archs import clip_model
from pyiqa.default_model_configs import DEFAULT_CONFIGS
from skimage import data
from torch import Tensor

from biasgan.io.images import to_tensor
from biasgan.io.weight_files import FILES, files_of
from biasgan.metrics import iqa
from biasgan.metrics.iqa import IQA, MODELS, FetchingError, build
from biasgan.metrics.suite import Suite

from .conftest import MakeUp

VISION_TRANSFORMERS = ("ahiq", "maniqa")
"""Models that take long."""

FILES_OF_PYIQA = {
    "ahiq": ("ahiq_arch", "pipal"),
    "dists": ("dists_arch", "url"),
    "hyperiqa": ("hypernet_arch", "resnet50-koniq"),
    "lpips": ("lpips_arch", "0.1_alex"),
    "maniqa": ("maniqa_arch", "koniq"),
    "musiq": ("musiq_arch", "koniq10k"),
    "niqe": ("niqe_arch", "url"),
    "nrqm": ("nrqm_arch", "url"),
    "topiq": ("topiq_arch", "cfanet_fr_kadid_res50"),
}


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    original = to_tensor(data.astronaut()[:224, 100:324])[None]
    noise = torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    return (original + 0.1 * noise).clamp(0, 1).mul(255).round().div(255), original


@pytest.fixture
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEFAULT_CONFIGS["hyperiqa"]["metric_opts"], "num_crop", 4)


@pytest.mark.usefixtures("few_crops")
@pytest.mark.parametrize("model", sorted(MODELS.keys() - VISION_TRANSFORMERS))
def test_values_are_those_of_pyiqa(
    make_up: MakeUp, pair: tuple[Tensor, Tensor], capsys: pytest.CaptureFixture[str], model: str
) -> None:
    make_up(model)
    metric = IQA(model)
    assert metric.unavailable == ""
    metric.update(*pair)
    assert capsys.readouterr() == ("", "")
    options: dict[str, Any] = {"backbone": str(FILES["clip"].path)} if model == "clipiqa" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        direct = pyiqa.create_metric(model, device=torch.device("cpu"), **options)
    torch.testing.assert_close(metric.each(), direct(*pair).reshape(1).float())


@pytest.mark.parametrize("model", ["lpips", "niqe"])
def test_images_too_large_for_a_model_are_measured_in_parts(
    make_up: MakeUp, pair: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    make_up(model)
    metric = IQA(model)
    monkeypatch.setattr(iqa, "LARGEST", 120 * 120)
    image, original = (torch.cat([tensor, tensor.flip(1)])[..., :223, :120] for tensor in pair)
    halves = zip(image.split([112, 111], 2), original.split([112, 111], 2), strict=True)
    expected = [metric.measure(*half) for half in halves]
    assert not torch.allclose(*expected, rtol=1e-3)
    torch.testing.assert_close(metric.measure(image, original), (expected[0] * 112 + expected[1] * 111) / 223)
    assert "in parts, of which the mean by area" in metric.protocol.variant


def test_parts_are_no_larger_than_a_model_takes_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iqa, "LARGEST", 1000)
    image = torch.arange(3 * 61 * 47).view(1, 3, 61, 47)
    cut = iqa.parts(image)
    assert max(part[0, 0].numel() for part in cut) <= 1000
    assert sorted(torch.cat([part.flatten() for part in cut]).tolist()) == image.flatten().tolist()
    assert iqa.parts(cut[0])[0] is cut[0]


@pytest.mark.parametrize("model", MODELS)
def test_protocols_agree_with_pyiqa(model: str) -> None:
    config: dict[str, Any] = DEFAULT_CONFIGS[model]
    protocol = MODELS[model].protocol
    assert protocol.higher_is_better != config.get("lower_better", False)
    assert (protocol.compares == "image with original") == (config["metric_mode"] == "FR")


def test_a_protocol_says_release_and_weights(make_up: MakeUp) -> None:
    make_up("lpips")
    protocol = IQA("lpips").protocol
    assert protocol.library == f"pyiqa {pyiqa.__version__}"
    assert protocol.weights == {name: file.check() for name, file in files_of("lpips").items()}
    assert len(protocol.weights) == 2


def test_models_with_a_vision_transformer_find_their_files(make_up: MakeUp) -> None:
    for model in VISION_TRANSFORMERS:
        make_up(model)
        metric = IQA(model)
        assert metric.unavailable == ""
        assert len(metric.protocol.weights) == (2 if model == "maniqa" else 3)


def test_without_weights_the_rest_is_computed_and_the_command_is_told(
    make_up: MakeUp, pair: tuple[Tensor, Tensor]
) -> None:
    make_up("lpips")
    suite = Suite({model: IQA(model) for model in ("lpips", "pi")})
    assert suite.unavailable == {
        "pi": "No weights niqe, nrqm here. Fetch what is missing with\nbiasgan weights fetch pi"
    }
    suite.update(*pair)
    assert suite.compute().keys() == {"lpips"}
    with pytest.raises(RuntimeError, match="No weights niqe, nrqm here"):
        IQA("pi").update(*pair)


def test_damaged_weights_are_not_loaded(make_up: MakeUp) -> None:
    make_up("lpips")
    path = FILES["lpips"].path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    metric = IQA("lpips")
    assert f"{path} is damaged or another file" in metric.unavailable


@pytest.mark.usefixtures("make_up")
@pytest.mark.parametrize(("model", "host"), [("lpips", "download.pytorch.org"), ("niqe", "huggingface.co")])
def test_pyiqa_cannot_fetch(model: str, host: str) -> None:
    before = socket.getaddrinfo
    with pytest.raises(FetchingError, match=f"wants to fetch a file from {host}, which is unknown to biasgan"):
        build(model)
    assert socket.getaddrinfo is before


@pytest.mark.usefixtures("make_up")
def test_hugging_face_cannot_fetch() -> None:
    with pytest.raises(FetchingError, match="lacks a file that is unknown to biasgan"):
        build("hyperiqa")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(1, 3, 8, 9), r"expected two of \(N, 3, H, W\); got \(1, 3, 8, 9\) and \(1, 3, 8, 8\)"),
        (torch.full((1, 3, 8, 8), 255.0), r"expected an image in \[0, 1\]; got values from 255 to 255"),
        (torch.full((1, 3, 8, 8), -0.5), r"expected an image in \[0, 1\]; got values from -0.5 to -0.5"),
    ],
)
def test_wrong_images_are_refused(make_up: MakeUp, image: Tensor, message: str) -> None:
    make_up("niqe")
    with pytest.raises(ValueError, match=message):
        IQA("niqe").update(image, torch.zeros(1, 3, 8, 8))


def test_unknown_models_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'topiq'; expected ahiq, clipiqa, .*, topiq_fr"):
        IQA("topiq")


def test_a_training_with_it_saves_no_weights_of_it(make_up: MakeUp) -> None:
    make_up("lpips")
    assert not Suite({"lpips": IQA("lpips")}).state_dict()


def test_addresses_are_those_that_the_libraries_have() -> None:
    for name, (module, key) in FILES_OF_PYIQA.items():
        assert FILES[name].address == import_module(f"pyiqa.archs.{module}").default_model_urls[key], name
    assert FILES["inception"].address == import_module("pyiqa.archs.inception").FID_WEIGHTS_URL
    assert FILES["clip"].address == clip_model._MODELS["RN50"]
    for name in ("alexnet", "vgg16", "vgg19"):
        assert FILES[name].address == torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    for name, model in (("resnet50", "resnet50"), ("vit", "vit_base_patch8_224")):
        config = timm.get_pretrained_cfg(model)
        assert config is not None
        assert f"/{config.hf_hub_id}/resolve/main/" in FILES[name].address
