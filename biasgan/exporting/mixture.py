"""Mix two generators and write what comes of it."""

from pathlib import Path

from biasgan.exporting.formats import safetensors_of
from biasgan.exporting.model_card import OWN, model_card, refuse_existing, sizes_of, write_with_card
from biasgan.inference.interpolation import interpolate
from biasgan.io.checksums import sha256_of_file
from biasgan.runs.weights import config_in, generator_file, load_generator, load_weights


def mix(
    a: str,
    b: str,
    weight: float,
    out: str | Path | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Mix two generators and write the mixture as safetensors, with b's configuration and a model card.

    Args:
        a: What `weights.generator_file` takes.
        b: Such another, of the same architecture.
        weight: Of b, from 0 to 1.
        out: The file to write, by default `mixed-WEIGHT.safetensors` in the current folder.
        licence: Of the mixture, for the model card.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The file and its card.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileExistsError: If the file or its card is there and is not to be overwritten.
        FileNotFoundError: If a or b does not exist.
        ValueError: See `interpolate`.
    """
    file = Path(out) if out else Path(f"mixed-{weight:g}.safetensors")
    if file.suffix != ".safetensors":
        raise ValueError(f"--out {file}: the mixture is written as safetensors; expected a name that ends so.")
    refuse_existing(file, overwrite)
    network = load_generator(b).requires_grad_(False)
    mixed = interpolate(load_generator(a).state_dict(), network.state_dict(), weight)
    load_weights(network, mixed, file)
    parents = {
        side: {"name": Path(given).name, "sha256": sha256_of_file(generator_file(given))}
        for side, given in (("a", a), ("b", b))
    }
    config = {**(config_in(generator_file(b)) or {}), "interpolated": {**parents, "weight": weight}}
    content = safetensors_of({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, config)
    card = model_card(file.name, content, network, config, {}, sizes=sizes_of(network), loading=OWN, licence=licence)
    return write_with_card(file, content, card)
