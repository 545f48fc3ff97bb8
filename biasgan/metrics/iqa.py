"""Metrics of pyiqa, which is for non-commercial use and an extra: nothing else imports it."""

import io
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any, NoReturn, cast

import torch
from torch import Tensor, nn

from biasgan.io.weight_files import FILES, WeightsError, checked, hub_cache
from biasgan.metrics.metric import ImageMetric
from biasgan.metrics.protocol import Protocol
from biasgan.metrics.sizes import SMALLEST_SIDES
from biasgan.system.console import no_warnings

WITH_ORIGINAL, ALONE = "image with original", "image alone"
LARGEST = 2048**2
"""Pixels of the largest image that a model is given whole: memory grows with them, in some models with their square."""


@dataclass(frozen=True)
class Model:
    """One of pyiqa's models.

    Attributes:
        protocol: What its number is; library and weights are filled in when it is built.
        on_cpu: Whether it is computed there always: in float64, where processors of other kinds give other numbers.
        crops: Whether it looks at so many crops of any image, and so needs the same memory for all.
    """

    protocol: Protocol
    on_cpu: bool
    crops: bool


def _model(metric: str, variant: str, better: str, compares: str, colour: str = "RGB", crop: str = "none") -> Model:
    crops = "crops of" in variant
    if not crops:
        variant += f"; images beyond {LARGEST / 1e6:.1f} megapixels in parts, of which the mean by area"
    protocol = Protocol(metric, variant, better == "higher", "pyiqa", compares, colour=colour, crop=crop)
    return Model(protocol, on_cpu=colour != "RGB", crops=crops)


MODELS = {
    "ahiq": _model("AHIQ", "trained on PIPAL; 20 crops of 224 on a regular grid", "higher", WITH_ORIGINAL),
    "clipiqa": _model("CLIP-IQA", "CLIP RN50, five pairs of prompts, no positional embedding", "higher", ALONE),
    "dists": _model("DISTS", "VGG-16, full resolution", "lower", WITH_ORIGINAL),
    "hyperiqa": _model("HyperIQA", "ResNet-50 trained on KonIQ; 25 crops of 224 on a regular grid", "higher", ALONE),
    "lpips": _model("LPIPS", "AlexNet, version 0.1", "lower", WITH_ORIGINAL),
    "maniqa": _model("MANIQA", "trained on KonIQ; 20 crops of 224 on a regular grid", "higher", ALONE),
    "musiq": _model("MUSIQ", "trained on KonIQ; full size and longer sides of 384 and 224", "higher", ALONE),
    "niqe": _model("NIQE", "original parameters, blocks of 96 x 96", "lower", ALONE, colour="Y of YIQ"),
    "pi": _model("PI", "((10 - NRQM) + NIQE) / 2", "lower", ALONE, colour="Y of YCbCr", crop="4 pixels"),
    "topiq_fr": _model("TOPIQ-FR", "ResNet-50 trained on KADID", "higher", WITH_ORIGINAL),
}
"""pyiqa's name → what it computes there."""


class FetchingError(RuntimeError):
    """A library wanted to fetch something that nobody asked for."""


class IQA(ImageMetric):
    """One of pyiqa's models. Without pyiqa or its weights it is unavailable, and says so; nothing is fetched.

    Args:
        model: pyiqa's name, see `MODELS`.

    Raises:
        ValueError: If the name is not among them.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}; expected {', '.join(MODELS)}.")
        self.model = MODELS[model]
        self.protocol = self.model.protocol
        self.smallest_side = SMALLEST_SIDES.get(model, 1)
        # In a tuple, so that it is no part of checkpoints where a training has this metric.
        self._network: tuple[nn.Module, ...] = ()
        try:
            self.protocol = replace(self.protocol, library=f"pyiqa {pyiqa_version()}", weights=checked(model))
            self._network = (build(model),)
        except (ImportError, WeightsError, FetchingError) as error:
            self.unavailable = str(error)

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        """The model's value of each image, (N,); of one that is too large for it, the mean over its parts by area.

        Raises:
            ValueError: If an image is of another shape than its original, or has values beyond [0, 1].
            RuntimeError: If the model is unavailable.
        """
        if self.unavailable:
            raise RuntimeError(self.unavailable)
        if image.shape != original.shape or image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"expected two of (N, 3, H, W); got {tuple(image.shape)} and {tuple(original.shape)}.")
        low, high = image.aminmax()
        if low < 0 or high > 1:
            raise ValueError(f"expected an image in [0, 1]; got values from {low:.3g} to {high:.3g}.")
        device = torch.device("cpu") if self.model.on_cpu else image.device
        network = self._network[0].to(device)
        given = [image, original] if self.protocol.compares == WITH_ORIGINAL else [image]
        cut = [[images] if self.model.crops else parts(images) for images in given]
        values: list[Tensor] = []
        with quietly():
            for part in zip(*cut, strict=True):
                value = cast(Tensor, network(*(images.to(device) for images in part))).reshape(-1)
                values.append(value * (part[0][0, 0].numel() / image[0, 0].numel()))
        return torch.stack(values).sum(0).float().to(image.device)


def parts(image: Tensor) -> list[Tensor]:
    """Halve images, (N, 3, H, W), across their longer side until no part has more than `LARGEST` pixels."""
    height, width = image.shape[-2:]
    if height * width <= LARGEST:
        return [image]
    return [part for half in image.chunk(2, dim=2 if height >= width else 3) for part in parts(half)]


def build(model: str) -> nn.Module:
    """Build one of pyiqa's models from files that are there.

    Raises:
        ImportError: If pyiqa is not installed.
        FetchingError: If pyiqa wants another file than those that we know of.
    """
    make = cast(Callable[..., nn.Module], pyiqa("pyiqa.models.inference_model").InferenceModel)
    # By its path, since pyiqa would fetch anew what has another hash than it expects.
    options: dict[str, Any] = {"backbone": str(FILES["clip"].path)} if model == "clipiqa" else {}
    with quietly(), no_network():
        return make(model, device=torch.device("cpu"), **options).requires_grad_(False)


def inception() -> Callable[[Tensor], Tensor]:
    """Inception-v3 in the port of the first FID.

    Returns:
        Images, (N, 3, 299, 299) in [-1, 1] → features, (N, 2048).

    Raises:
        ImportError: If pyiqa is not installed.
        FetchingError: As `build`.
    """
    make = cast(Callable[..., nn.Module], pyiqa("pyiqa.archs.inception").InceptionV3)
    with quietly(), no_network():
        network = make().eval()

    @torch.no_grad()
    def features(image: Tensor) -> Tensor:
        return network.to(image.device)(image, resize_input=False, normalize_input=False)[0].flatten(1)

    return features


def pyiqa(module: str) -> ModuleType:
    """A module of pyiqa.

    Raises:
        ImportError: If it is not installed; says what to install.
    """
    try:
        with quietly():
            return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f"It needs {error.name}, which is not installed: pip install 'biasgan[metrics]'") from error


def pyiqa_version() -> str:
    """Its release.

    Raises:
        ImportError: If it is not installed.
    """
    pyiqa("pyiqa")
    return version("pyiqa")


@contextmanager
def quietly() -> Generator[None]:
    """Keep what pyiqa prints, and its use of what is deprecated, from the terminal."""
    with redirect_stdout(io.StringIO()), no_warnings():
        yield


@contextmanager
def no_network() -> Generator[None]:
    """Refuse connections: pyiqa and what it builds on fetch what they do not find, unasked."""

    def refuse(host: object, *_: object, **__: object) -> NoReturn:
        raise FetchingError(f"pyiqa {version('pyiqa')} wants to fetch a file from {host}, which is unknown to biasgan.")

    hub = pyiqa("huggingface_hub.constants")
    # Offline, since Hugging Face's client asks for newer files even where all are there. Where its cache is it asked
    # when it was imported, and took an empty variable for a folder.
    with (
        replaced(socket, getaddrinfo=refuse),
        replaced(hub, HF_HUB_OFFLINE=True, HF_HUB_CACHE=str(hub_cache())),
    ):
        try:
            yield
        except OSError as error:
            raise FetchingError(f"pyiqa {version('pyiqa')} lacks a file that is unknown to biasgan: {error}") from error


@contextmanager
def replaced(module: ModuleType, **values: object) -> Generator[None]:
    """Give names of a module other values for a while."""
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)
