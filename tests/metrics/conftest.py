"""Weights that are made up, under the names and in the shapes of the published ones, in the cache of one test."""

import socket
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from biasgan.io import weight_files
from biasgan.io.weight_files import FILES

MakeUp = Callable[[str], None]


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches further than this machine."""

    def refuse(host: str, *_: object) -> None:
        raise AssertionError(f"a test asks for {host}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def make_up(monkeypatch: pytest.MonkeyPatch) -> MakeUp:
    """Makes the weights of a metric up; their hashes are not those of the published ones."""
    # Where they look was decided when they were imported.
    from huggingface_hub import constants
    from pyiqa.utils import download_util

    monkeypatch.setattr(download_util, "DEFAULT_CACHE_DIR", str(FILES["lpips"].path.parent))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(weight_files.hub_cache()))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name, file in FILES.items():
        monkeypatch.setitem(FILES, name, replace(file, sha256=""))

    def run(metric: str) -> None:
        torch.manual_seed(1)
        for name in weight_files.files_of(metric):
            path = FILES[name].path
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                MAKERS[name](path)
            FILES[name].settle()

    return run


def filled(network: nn.Module) -> dict[str, Tensor]:
    """Random weights for a network without memory, that keep the scale of activations."""
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.ndim > 1:
            state[name] = torch.randn(tensor.shape) * (2 / tensor[0].numel()) ** 0.5
        else:
            fill = torch.zeros if name.endswith(("bias", "mean", "tracked")) else torch.ones
            state[name] = fill(tensor.shape, dtype=tensor.dtype)
    return state


def of_torchvision(name: str) -> Callable[[Path], None]:
    """A whole network, whose classifier, which is large and never used, is of numbers that share one place."""

    def make(path: Path) -> None:
        import torchvision

        with torch.device("meta"):
            network = torchvision.models.get_model(name)
        unused = {key: torch.zeros(1).expand(tensor.shape) for key, tensor in network.state_dict().items()}
        torch.save(unused | {f"features.{key}": tensor for key, tensor in filled(network.features).items()}, path)  # pyright: ignore[reportArgumentType]

    return make


def of_timm(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import timm
        from safetensors.torch import save_file

        with torch.device("meta"):
            network = timm.create_model(name)
        save_file(filled(network), path)

    return make


def of_pyiqa(module: str, kind: str, key: str | None = None, **options: str | float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        # Without its backbone, which would be read though all of it is in the same file; MANIQA looks at a few numbers.
        line = patch("torch.linspace", partial(torch.linspace, device="cpu"))
        with torch.device("meta"), patch("timm.models._builder.load_pretrained"), line:
            network: nn.Module = getattr(import_module(f"pyiqa.archs.{module}"), kind)(**options, pretrained=False)
        state = filled(network)
        torch.save({key: state} if key else state, path)

    return make


def ahiq(path: Path) -> None:
    from pyiqa.archs.ahiq_arch import DeformFusion, Pixel_Prediction

    parts = {"regressor": Pixel_Prediction(), "deform_net": DeformFusion()}
    torch.save({f"{name}_model_state_dict": part.state_dict() for name, part in parts.items()}, path)


def clip(path: Path) -> None:
    """A narrow and shallow CLIP, scripted as the published one is."""
    from pyiqa.archs.clip_model import CLIP

    model = CLIP(32, 64, (1, 1, 1, 1), 16, None, 77, 49408, 64, 1, 1)  # pyright: ignore[reportArgumentType]
    holder = nn.Identity()
    for name, tensor in model.state_dict().items():
        *parents, leaf = name.split(".")
        place: nn.Module = holder
        for parent in parents:
            if parent not in dict(place.named_children()):
                place.add_module(parent, nn.Identity())
            place = place.get_submodule(parent)
        place.register_buffer(leaf, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(holder), path)


def dists(path: Path) -> None:
    torch.save({"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}, path)


def lpips(path: Path) -> None:
    channels = (64, 192, 384, 256, 256)
    torch.save({f"lin{n}.model.1.weight": torch.rand(1, c, 1, 1) for n, c in enumerate(channels)}, path)


def niqe(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"mu_prisparam": torch.rand(1, 36).numpy(), "cov_prisparam": torch.eye(36).numpy()})


def nrqm(path: Path) -> None:
    """Three forests of one tree each, with one branch: a kind of feature is large or small."""
    import numpy as np
    from scipy.io import savemat

    indices = {"left": [2, 0, 0], "right": [3, 0, 0], "a": [0], "b": [0]}
    numbers = {"threshold": [1.0, 0, 0], "value": [0, 3.0, 6.0]}
    columns = indices | numbers | {"attribute": [1, 1, 1]}
    tree = {name: np.array(column).reshape(-1, 1) for name, column in columns.items()}
    forests = np.empty((1, 3), dtype=object)
    for number in range(3):
        forests[0, number] = tree
    savemat(path, {"model": {"linear": np.full((4, 1), 0.5), "rf": forests}})


def inception(path: Path) -> None:
    from pyiqa.archs import inception as module

    with torch.device("meta"), patch.object(module, "load_pretrained_network"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = module.fid_inception_v3()
    torch.save(filled(network), path)


MAKERS: dict[str, Callable[[Path], None]] = {
    "ahiq": ahiq,
    "alexnet": of_torchvision("alexnet"),
    "clip": clip,
    "dists": dists,
    "hyperiqa": of_pyiqa("hypernet_arch", "HyperNet", "params"),
    "inception": inception,
    "lpips": lpips,
    "maniqa": of_pyiqa("maniqa_arch", "MANIQA", train_dataset="koniq", scale=0.8),
    "musiq": of_pyiqa("musiq_arch", "MUSIQ"),
    "niqe": niqe,
    "nrqm": nrqm,
    "resnet50": of_timm("resnet50"),
    "topiq": of_pyiqa(
        "topiq_arch", "CFANet", "params", semantic_model_name="resnet50", model_name="cfanet_fr_kadid_res50",
        use_ref=True,
    ),
    "vgg16": of_torchvision("vgg16"),
    "vit": of_timm("vit_base_patch8_224"),
}  # fmt: skip
