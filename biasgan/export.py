"""Write a trained generator in a form that others open: `python -m biasgan.export run=RUN format=onnx`."""

import io
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor, nn

from biasgan.cli.arguments import read_arguments, read_path, read_switch
from biasgan.cli.errors import plain_errors
from biasgan.exporting.graph import GraphError, check, onnx_graph, torchscript_graph
from biasgan.exporting.model_card import (
    OWN,
    card_beside,
    model_card,
    read_summary,
    refuse_existing,
    sizes_of,
    write_with_card,
)
from biasgan.exporting.spandrel_form import spandrel_form
from biasgan.networks.any_size import restore
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.runs.weights import BUNDLED, config_in, generator_file, load_generator

USAGE = """
Write a trained generator in a form that others open, with a model card beside it.

  python -m biasgan.export run=outputs/realesrgan-full-jpeg-20/… format=onnx
  python -m biasgan.export run=bundled format=safetensors out=generator.safetensors

KEY=VALUE:
  run         a run folder, a checkpoint, a weight file, bundled or bundled-pixel
  format      safetensors   weights alone; spandrel and chaiNNer open Compact, RRDBNet of growth 32, DnCNN and DCAD
                            of at least 8 convolutions; the model card says what opens the file
              pth           the same as BasicSR writes them
              onnx          for ONNX Runtime; takes images of any size (pip install 'biasgan[export]')
              torchscript   for torch.jit.load, which PyTorch calls deprecated; takes images of any size
  out         the file to write, by default in a folder named export beside the weights
  licence     of the weights, for the model card
  overwrite   true replaces what is there

Graphs are compared with the network at three sizes before they are written, weights with what spandrel makes of them.
"""

ANY_SIZE = "any; the graph extends and crops images by itself where the network needs it"

SPANDREL = """
from spandrel import ModelLoader

model = ModelLoader().load_from_file("{name}")  # {about}; chaiNNer opens it too
restored = model(image)
"""
ONNX = """
import onnxruntime

session = onnxruntime.InferenceSession("{name}")
(restored,) = session.run(None, {"image": image})  # image is a NumPy array
"""
TORCHSCRIPT = """
import torch

restored = torch.jit.load("{name}")(image)
"""


class Exported(NamedTuple):
    """A generator in some format."""

    content: bytes
    """Of the file."""
    sizes: str
    """What images it takes, in words."""
    loading: str
    """Python that loads and runs it, with the file's {name} left open."""


def as_safetensors(network: nn.Module, config: Mapping[str, Any]) -> Exported:
    """Weights as safetensors, in spandrel's form, with the configuration where this package can use it."""
    weights = weights_for_others(network)
    metadata = {"format": "pt"} | ({"config": json.dumps(config)} if is_own(weights, network) and config else {})
    return of_weights(save(weights, metadata), weights, network)


def as_pth(network: nn.Module, config: Mapping[str, Any]) -> Exported:
    """Weights as BasicSR has them, in spandrel's form, with the configuration where this package can use it."""
    weights = weights_for_others(network)
    content = {"params_ema": weights} | ({"config": dict(config)} if is_own(weights, network) and config else {})
    file = io.BytesIO()
    torch.save(content, file)
    return of_weights(file.getvalue(), weights, network)


def as_onnx(network: nn.Module, config: Mapping[str, Any]) -> Exported:
    """The network as ONNX."""
    return Exported(onnx_graph(network), ANY_SIZE, ONNX)


def as_torchscript(network: nn.Module, config: Mapping[str, Any]) -> Exported:
    """The network as TorchScript."""
    return Exported(torchscript_graph(network), ANY_SIZE, TORCHSCRIPT)


Format = Callable[[nn.Module, Mapping[str, Any]], Exported]
FORMATS: dict[str, tuple[str, Format]] = {
    "safetensors": ("safetensors", as_safetensors),
    "pth": ("pth", as_pth),
    "onnx": ("onnx", as_onnx),
    "torchscript": ("pt", as_torchscript),
}
"""Words for the formats → extension of the file, and what makes it."""


def export(
    run: str, format: str, out: str | Path | None = None, licence: str | None = None, overwrite: bool = False
) -> Path:
    """Write a generator in a form that others open, with a model card beside it.

    Args:
        run: What `weights.generator_file` takes.
        format: One of `FORMATS`.
        out: The file to write; by default in a folder named export beside the weights, for the package's own in one
            where the command is run.
        licence: Of the weights, for the model card.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The file; its card is at `model_card.card_beside` it.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileExistsError: If the file or its card is there and is not to be overwritten.
        FileNotFoundError: If there is no such run.
        GraphError: If no graph of the network can be made, or the file would give something else than the network.
        ImportError: If the format needs a package that is not installed.
        ValueError: If there is no such format.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be {', '.join(FORMATS)}; got {format!r}.")
    extension, make = FORMATS[format]
    source = generator_file(run)
    file = Path(out) if out else default_file(run, source, extension)
    refuse_existing(file, overwrite)
    network = load_generator(run).requires_grad_(False)
    config = config_in(source) or {}
    exported = make(network, config)
    card = model_card(
        file.name,
        exported.content,
        network,
        config,
        read_summary(source),
        sizes=exported.sizes,
        loading=exported.loading,
        licence=licence,
    )
    write_with_card(file, exported.content, card)
    return file


def default_file(run: str, source: Path, extension: str) -> Path:
    """Where an export goes if nothing else is said: beside its source, for a word to where the command is run."""
    if source.parent == BUNDLED:
        return Path("export", f"{Path(run).stem}.{extension}")
    return source.with_name("export") / f"{source.stem}.{extension}"


def weights_for_others(network: nn.Module) -> dict[str, Tensor]:
    """Weights in spandrel's form, to be written."""
    return {name: tensor.detach().contiguous() for name, tensor in spandrel_form(network).items()}


def is_own(weights: Mapping[str, Tensor], network: nn.Module) -> bool:
    """Whether weights have the network's own names."""
    return weights.keys() == network.state_dict().keys()


def of_weights(content: bytes, weights: Mapping[str, Tensor], network: nn.Module) -> Exported:
    """What is said of a file of weights; spandrel is asked where it is installed."""
    sizes = sizes_of(network)
    try:
        recognised = SpandrelModel(weights).eval()
        with torch.no_grad():
            check(partial(restore, recognised), network, "spandrel")
    except ImportError:
        return Exported(content, sizes, OWN if is_own(weights, network) else SPANDREL.replace("{about}", "DnCNN"))
    except (GraphError, ValueError):
        # Unknown to spandrel, or taken for another network whose names are alike.
        return Exported(content, sizes, OWN)
    return Exported(content, sizes, SPANDREL.replace("{about}", recognised.architecture))


def main() -> None:
    """Run from the command line."""
    with plain_errors():
        options: dict[str, str | None] = {"run": None, "format": None, "out": "", "licence": "", "overwrite": "false"}
        given = read_arguments(sys.argv[1:], USAGE, options=options)
        file = export(
            read_path(given["run"]),
            given["format"],
            read_path(given["out"]) or None,
            given["licence"] or None,
            read_switch("overwrite", given["overwrite"]),
        )
        Console(highlight=False, markup=False, soft_wrap=True).print(f"{file}\n{card_beside(file)}")


if __name__ == "__main__":
    main()
