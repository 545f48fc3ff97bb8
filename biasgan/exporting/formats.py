"""Write a trained generator in a form that others open."""

import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor, nn

from biasgan.exporting.graph import GraphError, check, onnx_graph, torchscript_graph
from biasgan.exporting.model_card import OWN, model_card, read_summary, refuse_existing, sizes_of, write_with_card
from biasgan.exporting.spandrel_form import spandrel_form
from biasgan.io.hub import on_hub
from biasgan.networks.any_size import restore
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.runs.weights import BUNDLED, config_in, generator_file, load_generator

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

Config = Mapping[str, Any]


class Exported(NamedTuple):
    """A generator in some format."""

    content: bytes
    """Of the file."""
    sizes: str
    """What images it takes, in words."""
    loading: str
    """Python that loads and runs it, with the file's {name} left open."""


def safetensors_of(weights: dict[str, Tensor], config: Config) -> bytes:
    """The content of a safetensors file."""
    return save(weights, {"format": "pt"} | ({"config": json.dumps(config)} if config else {}))


def pth_of(weights: dict[str, Tensor], config: Config) -> bytes:
    """The content of a file as BasicSR has them."""
    file = io.BytesIO()
    torch.save({"params_ema": weights} | ({"config": dict(config)} if config else {}), file)
    return file.getvalue()


def weights_in(write: Callable[[dict[str, Tensor], Config], bytes], network: nn.Module, config: Config) -> Exported:
    """Weights in spandrel's form, with the configuration where this package can use it.

    What opens them spandrel is asked where it is installed.
    """
    weights = {name: tensor.detach().contiguous() for name, tensor in spandrel_form(network).items()}
    own = weights.keys() == network.state_dict().keys()
    content, sizes = write(weights, config if own else {}), sizes_of(network)
    try:
        recognised = SpandrelModel(weights).eval()
        with torch.no_grad():
            check(partial(restore, recognised), network, "spandrel")
    except ImportError:
        return Exported(content, sizes, OWN if own else SPANDREL.replace("{about}", "DnCNN"))
    except (GraphError, ValueError):
        # Unknown to spandrel, or taken for another network whose names are alike.
        return Exported(content, sizes, OWN)
    return Exported(content, sizes, SPANDREL.replace("{about}", recognised.architecture))


def graph_in(make: Callable[[nn.Module], bytes], loading: str, network: nn.Module, config: Config) -> Exported:
    """The network as a graph."""
    return Exported(make(network), ANY_SIZE, loading)


FORMATS: Mapping[str, tuple[str, Callable[[nn.Module, Config], Exported]]] = {
    "safetensors": ("safetensors", partial(weights_in, safetensors_of)),
    "pth": ("pth", partial(weights_in, pth_of)),
    "onnx": ("onnx", partial(graph_in, onnx_graph, ONNX)),
    "torchscript": ("pt", partial(graph_in, torchscript_graph, TORCHSCRIPT)),
}
"""Words for the formats → extension of the file, and what makes it."""


def export(
    run: str, format: str, out: str | Path | None = None, licence: str | None = None, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write a generator in a form that others open, with a model card beside it.

    Args:
        run: What `weights.generator_file` takes.
        format: One of `FORMATS`.
        out: The file to write; by default in a folder named export beside the weights, for the package's own and for
            those of the hub in one where the command is run.
        licence: Of the weights, for the model card.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The file and its card.

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
    content, sizes, loading = make(network, config)
    summary = read_summary(source)
    card = model_card(file.name, content, network, config, summary, sizes=sizes, loading=loading, licence=licence)
    return write_with_card(file, content, card)


def default_file(run: str, source: Path, extension: str) -> Path:
    """Where an export goes if nothing else is said: beside its source, else where the command is run."""
    if source.parent == BUNDLED or on_hub(run):
        return Path("export", f"{Path(run).stem}.{extension}")
    return source.with_name("export") / f"{source.stem}.{extension}"
