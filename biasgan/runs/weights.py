"""Weights of networks, and the configurations that they carry."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple, TypeVar, cast
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save  # pyright: ignore[reportUnknownVariableType] - bare dict
from torch import nn

from biasgan.io.checksums import damage_of
from biasgan.io.file_kind import is_safetensors, other_kind
from biasgan.io.files import atomic_write, expanded, readable
from biasgan.io.hub import fetch, on_hub, pinned
from biasgan.io.moved import as_now
from biasgan.io.pickled import pickled_in
from biasgan.io.state_dicts import Weights, find_state_dict, forms, unwrapped
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.runs.build import built
from biasgan.runs.folder import RunFolder
from biasgan.system.console import no_warnings

Kind = TypeVar("Kind")

BUNDLED = Path(__file__).parents[1] / "bundled"
GENERATORS = {"bundled": "generator", "bundled-pixel": "generator-pixel"}
DISCRIMINATORS = {"bundled": "discriminator"}
"""Words for the package's own weights → their files."""


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
    recogniser = f"{recognise_generator.__module__}.{recognise_generator.__name__}"
    if not isinstance(node, Mapping) or cast(Mapping[str, object], node).get("_target_") in (None, recogniser):
        return recognise_generator(file).eval()
    generator = network_of(cast(object, node), file)
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
    discriminator = network_of(node, file)
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
    first: ValueError | None = None
    for weights in forms(found.weights):
        try:
            return SpandrelModel(weights)
        except ImportError as error:
            raise ImportError(f"{found.place}: {error}") from error
        except ValueError as error:
            first = first or error
    has = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in islice(found.weights.items(), 3))
    raise CheckpointError(f"{found.place}: {first} It has {len(found.weights)} tensors: {has} …") from first


def generator_file(path: str | Path) -> Path:
    """The file to load a generator from.

    Args:
        path: A run folder (the best that it has), a checkpoint of a run, a weight file, hf:USER/NAME of the Hugging
            Face Hub, or one of the words `bundled` (the package's own generator) and `bundled-pixel` (as it was before
            its adversarial stage).

    Raises:
        FileNotFoundError: If the path does not exist, or is a folder without weights.
        OSError: If it is not to be had from the hub, see `hub.fetch`.
    """
    return weight_file(path, "generator", GENERATORS)


def discriminator_file(path: str | Path) -> Path:
    """The file to load a discriminator from.

    Args:
        path: A run folder, a checkpoint of a run, a weight file, hf:USER/NAME of the Hugging Face Hub, or the word
            `bundled` (the package's own).

    Raises:
        FileNotFoundError: If the path does not exist, or is a folder without weights.
        OSError: If it is not to be had from the hub, see `hub.fetch`.
    """
    return weight_file(path, "discriminator", DISCRIMINATORS)


def weight_file(given: str | Path, network: str, words: Mapping[str, str]) -> Path:
    """The file that a path or word means, of the two networks the one that is named."""
    path = BUNDLED / f"{words[str(given)]}.safetensors" if str(given) in words else Path(expanded(given))
    if path.is_file():
        return path
    run = RunFolder(path)
    files = ({"generator": run.generator, "discriminator": run.discriminator}[network], run.last)
    if on_hub(given):
        return fetch(given, files[0].name)
    for file in files:
        if file.is_file():
            return file
    names = [file.relative_to(path).as_posix() for file in files]
    raise FileNotFoundError(
        f"{path}: expected a run folder (with {' or '.join(names)}), a checkpoint, a weight file, hf:USER/NAME, or "
        f"{' or '.join(words)}; {'this folder has neither' if path.is_dir() else 'there is no such file or folder'}."
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file of `torch.save` onto the CPU without executing what is in it, and with a look at its checksums.

    Tensors are mapped into memory, so that the rest of a file is read in no time.

    Raises:
        CheckpointError: If it is no such file, is damaged, or holds more than tensors and plain containers.
    """
    if damage := damage_of(path):
        raise CheckpointError(f"{path} is no readable checkpoint: it is damaged ({damage}).")
    if kind := other_kind(path):
        raise CheckpointError(f"{path} is no readable checkpoint: it {kind}.")
    # What maps files into memory takes no names but those of UTF-8, and goes by some names instead of the content.
    mapped = is_zipfile(path) and readable(str(path)) == str(path) and path.suffix != ".safetensors"
    try:
        with no_warnings(), path.open("rb") as file:
            loaded: object = torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    except (MemoryError, OSError):
        raise
    # Of files that it has not written it raises nearly anything.
    except Exception as error:
        raise CheckpointError(f"{path} is no readable checkpoint: {trouble(path)}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: expected a dict of tensors or of a checkpoint, got {type(loaded).__name__}.")
    content = cast(dict[str, Any], loaded)
    if isinstance(content.get("config"), dict):
        content["config"] = as_now(content["config"])
    return content


def trouble(path: Path) -> str:
    """What a file holds that `torch.load` does not take, in a sentence."""
    pickled = pickled_in(path)
    if not pickled:
        return f"it is none of torch.save, or damaged; it begins with {beginning(path)}."
    if objects := pickled.objects:
        named = ", ".join(objects[:5]) + (" …" if len(objects) > 5 else "")
        return (
            f"beside weights it holds Python objects ({named}), and to read those could run code; where you trust it, "
            f"save its weights alone, such as by {pickled.saving(path)}."
        )
    if not pickled.of_torch:
        return "it is a pickle that torch.save has not written; save its weights with torch.save."
    return "what is in it does not fit together; it is damaged, or of another version of PyTorch."


def read_generator(path: str | Path) -> Weights:
    """Weights of a generator: averaged if the file has averages.

    Args:
        path: What `generator_file` takes. A published file may be safetensors, or a `.pth` or `.ckpt` with a state dict
            anywhere in it; names may have those of wrappers before them.

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
    """Read the weights of a network from a file of any kind; see `state_dicts.find_state_dict`."""
    place = pinned(given, file) if on_hub(given) else str(file if file.parent != BUNDLED else given)
    if is_safetensors(file):
        try:
            content: dict[str, Any] = {**load_file(file)}
        except SafetensorError as error:
            raise not_safetensors(file) from error
    else:
        content = read_checkpoint(file)
    if is_of_run(content):
        return of_run(content, network, place)
    try:
        found = find_state_dict(content, network)
    except LookupError as error:
        raise CheckpointError(f"{place} {error}.") from error
    if not found:
        raise CheckpointError(
            f"{place} holds no weights: expected tensors by name, at the top or in dicts; got "
            f"{', '.join(islice(map(str, content), 5)) or 'nothing'}."
        )
    return Found(found.weights, f"{place} ({'.'.join(found.path)})" if found.path else place)


def not_safetensors(file: Path) -> CheckpointError:
    """What to say of a file that should be safetensors and is not."""
    what = other_kind(file) or f"is none, or damaged; it begins with {beginning(file)}"
    return CheckpointError(f"{file} is no readable safetensors file: it {what}.")


def beginning(file: Path) -> str:
    """The first bytes of a file, for people."""
    with file.open("rb") as content:
        return repr(content.read(24))[1:]


def is_of_run(content: Mapping[str, Any]) -> bool:
    """Whether the content of a file is a checkpoint of a training of ours."""
    state = content.get("state_dict")
    names = cast(Mapping[object, object], state) if isinstance(state, Mapping) else ()
    return "config" in content and any(str(name).startswith("generator.") for name in names)


def of_run(content: Mapping[str, Any], network: str, place: str) -> Found:
    """Weights of a network in a run's checkpoint; those of the generator are averaged if there are averages."""
    prefix = f"{network}."
    weights = {k.removeprefix(prefix): v for k, v in content["state_dict"].items() if k.startswith(prefix)}
    if not weights:
        raise CheckpointError(f"{place} is of a training without a {network}.")
    averages = content.get("callbacks", {}).get("EMA") if network == "generator" else None
    return Found(weights | dict(averages), f"{place} (averaged)") if averages else Found(weights, place)


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
    if not is_safetensors(path):
        config = read_checkpoint(path).get("config")
        return cast(dict[str, Any], config) if isinstance(config, dict) else None
    try:
        with cast(Any, safe_open(path, framework="pt")) as file:
            metadata: Mapping[str, str] = file.metadata() or {}
        config = as_now(json.loads(metadata.get("config", "null")))
    except SafetensorError as error:
        raise not_safetensors(path) from error
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], config) if isinstance(config, dict) else None


def network_of(node: object, source: Path) -> nn.Module:
    """Build the network that a file describes.

    Raises:
        CheckpointError: If that calls something else, or makes no network.
    """
    # Files come from anywhere.
    check_targets(node, (nn.Module,), "network", source)
    try:
        network = built(node)
    # A constructor may raise anything.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{source} describes a network that cannot be built: {reason}") from error
    if not isinstance(network, nn.Module):
        raise CheckpointError(f"{source} describes no network, but makes a {type(network).__name__}.")
    return network


def check_targets(node: object, kinds: tuple[type, ...], what: str, source: Path) -> None:
    """Refuse a configuration node that would call anything but classes of some kinds.

    Raises:
        CheckpointError: Names what it would call.
    """
    for target in targets_in(node):
        class_in(target, kinds, what, source)


def class_in(target: str, kinds: tuple[type[Kind], ...], what: str, source: Path) -> type[Kind]:
    """The class of one of some kinds that a file names.

    Args:
        target: Where it can be imported from, with its name.
        kinds: Of these classes or of what is derived from them.
        what: In words, what the file has it for.
        source: The file.

    Raises:
        CheckpointError: If it is none, or cannot be imported.
    """
    try:
        found = None if ":" in target else resolve_name(target)
    # To import a module runs it, which may end in anything.
    except Exception:
        found = None
    if not isinstance(found, type) or not issubclass(found, kinds):
        raise CheckpointError(
            f"{source} has a {what} made by {target}, and there is no such class here that makes one. Install what it "
            "was trained with, or name its folder in PYTHONPATH; and do not open the file if it comes from someone you "
            "do not trust."
        )
    return found


def targets_in(node: object) -> Iterator[str]:
    """Everything that a configuration node would call."""
    if isinstance(node, Mapping):
        items = cast(Mapping[str, object], node)
        if "_target_" in items:
            yield str(items["_target_"])
        for value in items.values():
            yield from targets_in(value)
    elif isinstance(node, list | tuple):
        for value in cast(Sequence[object], node):
            yield from targets_in(value)


def load_weights(module: nn.Module, weights: Weights, source: str | Path) -> None:
    """Load weights into a module, all of them or none, whatever wrapper's names stand before its own.

    Raises:
        CheckpointError: If names or shapes differ; names the first that do.
    """
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    weights = unwrapped(weights, list(own))
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
