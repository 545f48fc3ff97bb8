import json
import pickle
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast
from zipfile import is_zipfile

import torch
from hydra.utils import get_class, instantiate
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import Tensor, nn

from biasgan.files import atomic_write, expanded
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.whole import damage_of

Weights = Mapping[str, Tensor]

BUNDLED = Path(__file__).parent / "bundled"
GENERATORS = {"bundled": "generator", "bundled-pixel": "generator-pixel"}
DISCRIMINATORS = {"bundled": "discriminator"}
"""Words for the package's own weights → their files."""

WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "model", "net")
"""Under what name a published file keeps its state dict; the first that is there counts."""


class CheckpointError(ValueError):
    """A file holds no weights that serve here; the message says which file and what was expected."""


class Found(NamedTuple):
    """Weights of a network, and in words where they were."""

    weights: Weights
    place: str


def load_generator(path: str | Path) -> nn.Module:
    """Load a trained generator, built as its configuration says, in evaluation mode.

    Run it with `networks.any_size.restore`, which takes images of any size. A file without configuration is a
    published one; what network it belongs to is told from its weights by spandrel, an extra.

    Args:
        path: What `generator_file` takes.

    Raises:
        CheckpointError: If the file is none of these, or damaged, or its network none that serves here.
        FileNotFoundError: If there is no such file.
        ImportError: If the file has no configuration and spandrel is not installed.
    """
    file = generator_file(path)
    node = (config_in(file) or {}).get("generator")
    if not node or node.get("_target_") == f"{recognise_generator.__module__}.{recognise_generator.__name__}":
        return recognise_generator(file).eval()
    check_network(node, file)
    generator: nn.Module = instantiate(node, _convert_="all")
    load_weights(generator, read_generator(file), file)
    return generator.eval()


def load_discriminator(path: str | Path) -> nn.Module:
    """Load the discriminator of a run as it was trained, built as its configuration says, in evaluation mode.

    Args:
        path: What `discriminator_file` takes.

    Raises:
        CheckpointError: If the file is damaged, has no configuration, or is of a training without a discriminator.
        FileNotFoundError: If there is no such file.
    """
    file = discriminator_file(path)
    node = read_config(file).get("discriminator")
    if not node:
        raise CheckpointError(f"{file} is of a training without a discriminator.")
    check_network(node, file)
    discriminator: nn.Module = instantiate(node, _convert_="all")
    load_weights(discriminator, *find_discriminator(file))
    return discriminator.eval()


def recognise_generator(path: str | Path) -> nn.Module:
    """Build the published network that weights belong to, as spandrel tells it from their names and shapes.

    Args:
        path: What `generator_file` takes, usually a `.pth` of some restoration model that keeps the size.

    Raises:
        CheckpointError: If the file is damaged, or its network none that serves here.
        FileNotFoundError: If there is no such file.
        ImportError: If spandrel is not installed.
    """
    found = find_generator(path)
    try:
        return SpandrelModel(found.weights)
    except ImportError as error:
        raise ImportError(f"{found.place}: {error}") from error
    except ValueError as error:
        raise CheckpointError(f"{found.place}: {error}") from error


def generator_file(path: str | Path) -> Path:
    """The file to load a generator from.

    Args:
        path: A run folder (the best that it has), a checkpoint of a run, a weight file, or one of the words `bundled`
            (the package's own generator) and `bundled-pixel` (as it was before its adversarial stage).

    Raises:
        FileNotFoundError: If the path does not exist, or is a folder without weights.
    """
    return weight_file(path, "generator", GENERATORS)


def discriminator_file(path: str | Path) -> Path:
    """The file to load a discriminator from.

    Args:
        path: A run folder, a checkpoint of a run, a weight file, or the word `bundled` (the package's own).

    Raises:
        FileNotFoundError: If the path does not exist, or is a folder without weights.
    """
    return weight_file(path, "discriminator", DISCRIMINATORS)


def weight_file(given: str | Path, network: str, words: Mapping[str, str]) -> Path:
    """The file that a path or word means, of the two networks the one that is named."""
    path = BUNDLED / f"{words[str(given)]}.safetensors" if str(given) in words else Path(expanded(given))
    if path.is_file():
        return path
    names = (f"{network}.safetensors", "checkpoints/last.ckpt")
    for name in names:
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(
        f"{path}: expected a run folder (with {' or '.join(names)}), a checkpoint, a weight file, or "
        f"{' or '.join(words)}; {'this folder has neither' if path.is_dir() else 'there is no such file or folder'}."
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file of `torch.save` onto the CPU without executing what is in it, and with a look at its checksums.

    Tensors are mapped into memory, so that the rest of a file is read in no time.

    Raises:
        CheckpointError: If it is no such file, is damaged, or holds more than tensors and plain containers.
    """
    try:
        if damage := damage_of(path):
            raise ValueError(damage)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} is no readable checkpoint (damaged, or more than weights): {reason}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a dict of tensors or of a checkpoint, got {type(content).__name__}.")
    return cast(dict[str, Any], content)


def read_generator(path: str | Path) -> Weights:
    """Weights of a generator: averaged if the file has averages.

    Args:
        path: What `generator_file` takes. A published file may be safetensors, or a `.pth` with a bare state dict or
            with one under a name such as BasicSR's params_ema and params.

    Raises:
        CheckpointError: If the file is damaged, or holds no weights.
        FileNotFoundError: If there is no such file.
    """
    return find_generator(path).weights


def find_generator(path: str | Path) -> Found:
    """As `read_generator`, with the words for where the weights were."""
    return find(path, generator_file(path), "generator")


def find_discriminator(path: str | Path) -> Found:
    """Weights of a discriminator, under whatever names its file has them, and where they were.

    Args:
        path: What `discriminator_file` takes; a published file as in `read_generator`.

    Raises:
        CheckpointError: If the file is damaged, or holds no weights, or is of a training without a discriminator.
        FileNotFoundError: If there is no such file.
    """
    return find(path, discriminator_file(path), "discriminator")


def find(given: str | Path, file: Path, network: str) -> Found:
    """Read the weights of a network from a file of any kind."""
    place = str(file if file.parent != BUNDLED else given)
    if file.suffix == ".safetensors":
        try:
            return Found(without_wrapper(load_file(file)), place)
        except SafetensorError as error:
            raise CheckpointError(f"{file} is no readable safetensors file: {error}") from error
    content = read_checkpoint(file)
    state = content.get("state_dict")
    if isinstance(state, Mapping) and any(name.startswith("generator.") for name in cast(Weights, state)):
        return of_run(content, network, place)
    name = next((name for name in (*WRAPPERS, "state_dict") if isinstance(content.get(name), Mapping)), None)
    weights: Weights = content[name] if name else content
    if not weights or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise CheckpointError(
            f"{place} holds no weights: expected tensors by name, at the top or under {', '.join(WRAPPERS)} or "
            f"state_dict; got {', '.join(islice(map(str, content), 5)) or 'nothing'}."
        )
    return Found(without_wrapper(weights), f"{place} ({name})" if name else place)


def of_run(content: Mapping[str, Any], network: str, place: str) -> Found:
    """Weights of a network in a run's checkpoint; those of the generator are averaged if there are averages."""
    prefix = f"{network}."
    weights = {k.removeprefix(prefix): v for k, v in content["state_dict"].items() if k.startswith(prefix)}
    if not weights:
        raise CheckpointError(f"{place} is of a training without a {network}.")
    averages = content.get("callbacks", {}).get("EMA") if network == "generator" else None
    return Found(weights | dict(averages), f"{place} (averaged)") if averages else Found(weights, place)


def without_wrapper(weights: Weights) -> Weights:
    """Names as the network has them, without the prefix of what it was trained in on several GPUs."""
    prefix = "module."
    if all(name.startswith(prefix) for name in weights):
        return {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def read_config(path: Path) -> dict[str, Any]:
    """The resolved configuration inside a checkpoint or safetensors file of a run.

    Raises:
        CheckpointError: If there is none.
    """
    config = config_in(path)
    if config is None:
        raise CheckpointError(f"{path} carries no configuration, so the network that it belongs to is not known.")
    return config


def config_in(path: Path) -> dict[str, Any] | None:
    """As `read_config`, or None if there is none."""
    if path.suffix != ".safetensors":
        config = read_checkpoint(path).get("config")
        return cast(dict[str, Any], config) if isinstance(config, dict) else None
    try:
        with cast(Any, safe_open(path, framework="pt")) as file:
            metadata: Mapping[str, str] = file.metadata() or {}
        return json.loads(metadata.get("config", "null"))
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no readable safetensors file: {error}") from error


def check_network(node: object, source: Path) -> None:
    """Refuse the description of a network that would call something else, since weight files come from anywhere.

    Raises:
        CheckpointError: Names what it would call.
    """
    for target in targets_in(node):
        try:
            harmless = issubclass(get_class(target), nn.Module)
        except (ImportError, ValueError):
            harmless = False
        if not harmless:
            raise CheckpointError(
                f"{source} has a network made by {target}, which is no class of networks that can be imported here. "
                "Install what it was trained with, and do not open it if it comes from someone you do not trust."
            )


def targets_in(node: object) -> Iterator[str]:
    """Everything that a configuration node would call; what it would look up elsewhere too, since that may call."""
    if isinstance(node, str) and "${" in node:
        yield node
    elif isinstance(node, Mapping):
        items = cast(Mapping[str, object], node)
        if "_target_" in items:
            yield str(items["_target_"])
        for value in items.values():
            yield from targets_in(value)
    elif isinstance(node, list):
        for value in cast(list[object], node):
            yield from targets_in(value)


def load_weights(module: nn.Module, weights: Weights, source: str | Path) -> None:
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
            "Choose the network (and its sizes, see scale) that the weights were made with."
        )
    module.load_state_dict(weights)


def write_weights(module: nn.Module, config: Mapping[str, Any], path: Path) -> None:
    """Write a module's state dict as safetensors, with the configuration in its metadata."""
    # Copied, since safetensors refuses tensors that share their memory, as tied weights do.
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    content = save(state, metadata={"format": "pt", "config": json.dumps(config)})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
