import json
import pickle
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from hydra.utils import instantiate
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor, nn

from biasgan.files import atomic_write

Weights = Mapping[str, Tensor]


class CheckpointError(ValueError):
    """A file holds no weights that serve here; the message says which file and what was expected."""


def load_generator(path: str | Path) -> nn.Module:
    """Load a trained generator, built as its configuration says, in evaluation mode.

    Run it with `networks.any_size.restore`, which takes images of any size.

    Args:
        path: A run folder, a checkpoint of a run, or `generator.safetensors` of a run.

    Raises:
        CheckpointError: If the file is none of these, or damaged.
        FileNotFoundError: If there is no such file.
    """
    file = generator_file(Path(path))
    generator: nn.Module = instantiate(read_config(file)["generator"], _convert_="all")
    load_weights(generator, read_generator(file), file)
    return generator.eval()


def generator_file(path: Path) -> Path:
    """The file to load a generator from: the path itself, or the best that a run folder has.

    Raises:
        FileNotFoundError: If the path does not exist, or is a folder without weights.
    """
    if path.is_file():
        return path
    for name in ("generator.safetensors", "checkpoints/last.ckpt"):
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(
        f"{path}: expected a run folder (with generator.safetensors or checkpoints/last.ckpt), a checkpoint or a "
        f"weight file; {'this folder has neither' if path.is_dir() else 'there is no such file or folder'}."
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file of `torch.save` onto the CPU without executing what is in it.

    Raises:
        CheckpointError: If it is no such file, is damaged, or holds more than tensors and plain containers.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} is no readable checkpoint (damaged, or more than weights): {reason}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a dict of tensors or of a checkpoint, got {type(content).__name__}.")
    return cast(dict[str, Any], content)


def read_generator(path: Path) -> Weights:
    """Weights of a generator: averaged if the file has averages.

    Args:
        path: A checkpoint of a run, safetensors, or a `.pth` with a bare state dict or BasicSR's params_ema/params.

    Raises:
        CheckpointError: If the file is damaged.
    """
    if path.suffix == ".safetensors":
        try:
            return cast(Weights, load_file(path))
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no readable safetensors file: {error}") from error
    content = read_checkpoint(path)
    if "state_dict" not in content:
        return content.get("params_ema", content.get("params", content))
    prefix = "generator."
    weights = {k.removeprefix(prefix): v for k, v in content["state_dict"].items() if k.startswith(prefix)}
    return weights | dict(content.get("callbacks", {}).get("EMA", {}))


def read_config(path: Path) -> dict[str, Any]:
    """The resolved configuration inside a checkpoint or safetensors file of a run.

    Raises:
        CheckpointError: If there is none.
    """
    if path.suffix == ".safetensors":
        try:
            with cast(Any, safe_open(path, framework="pt")) as file:
                metadata: Mapping[str, str] = file.metadata() or {}
            config = json.loads(metadata.get("config", "null"))
        except SafetensorError as error:
            raise CheckpointError(f"{path} is no readable safetensors file: {error}") from error
    else:
        config = read_checkpoint(path).get("config")
    if config is None:
        raise CheckpointError(f"{path} carries no configuration, so the network that it belongs to is not known.")
    return config


def load_weights(module: nn.Module, weights: Weights, source: Path) -> None:
    """Load weights into a module, all of them or none.

    Raises:
        CheckpointError: If names or shapes differ; names the first that do.
    """
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    came = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in weights.items()}
    if own != came:
        names = sorted(name for name in own.keys() | came.keys() if own.get(name) != came.get(name))
        lines = (f"  {name}: expected {own.get(name, 'none')}, got {came.get(name, 'none')}" for name in names)
        raise CheckpointError(
            f"{source} is of another architecture than this {type(module).__name__}: {len(names)} of "
            f"{len(own.keys() | came.keys())} tensors differ, first\n" + "\n".join(islice(lines, 5)) + "\n"
            "Choose the generator (and its sizes, see scale) that the weights were made with."
        )
    module.load_state_dict(weights)


def write_weights(module: nn.Module, config: Mapping[str, Any], path: Path) -> None:
    """Write a module's state dict as safetensors, with the configuration in its metadata."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    content = save(state, metadata={"format": "pt", "config": json.dumps(config)})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
