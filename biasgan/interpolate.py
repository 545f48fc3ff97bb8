"""Mix two generators: `python -m biasgan.interpolate bundled-pixel bundled weight=0.8`."""

import json
import sys
from pathlib import Path

from rich.console import Console
from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType] - bare dict

from biasgan.cli.arguments import read_arguments, read_number, read_path, read_switch
from biasgan.cli.errors import plain_errors
from biasgan.exporting.model_card import OWN, card_beside, model_card, refuse_existing, sizes_of, write_with_card
from biasgan.inference.interpolation import interpolate
from biasgan.io.checksums import sha256_of_file
from biasgan.runs.weights import config_in, generator_file, load_generator, load_weights

USAGE = """
Mix the weights of two generators of the same architecture, say one that was trained with the pixel loss alone (a) and
what an adversarial training made of it (b): the mixture lies between them in fidelity and in sharpness.

  python -m biasgan.interpolate bundled-pixel bundled weight=0.8
  python -m biasgan.interpolate RUN_A RUN_B weight=0.5 out=between.safetensors

a, b: run folders, checkpoints, weight files, bundled or bundled-pixel

KEY=VALUE:
  weight      of b, from 0, which gives a, to 1, which gives b
  out         the file to write, by default mixed-WEIGHT.safetensors in this folder; a model card goes beside it
  licence     of the mixture, for the model card
  overwrite   true replaces what is there
"""


def mix(
    a: str,
    b: str,
    weight: float,
    out: str | Path | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Mix two generators and write the mixture as safetensors, with b's configuration and a model card.

    Args:
        a: What `weights.generator_file` takes.
        b: Such another, of the same architecture.
        weight: Of b, from 0 to 1.
        out: The file to write, by default `mixed-WEIGHT.safetensors` in the current folder.
        licence: Of the mixture, for the model card.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The file.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileExistsError: If the file or its card is there and is not to be overwritten.
        FileNotFoundError: If a or b does not exist.
        ValueError: See `interpolate`.
    """
    file = Path(out) if out else Path(f"mixed-{weight:g}.safetensors")
    if file.suffix != ".safetensors":
        raise ValueError(f"out={file}: the mixture is written as safetensors; expected a name that ends so.")
    refuse_existing(file, overwrite)
    network = load_generator(b).requires_grad_(False)
    mixed = interpolate(load_generator(a).state_dict(), network.state_dict(), weight)
    load_weights(network, mixed, file)
    parents = {
        side: {"name": Path(given).name, "sha256": sha256_of_file(generator_file(given))}
        for side, given in (("a", a), ("b", b))
    }
    config = {**(config_in(generator_file(b)) or {}), "interpolated": {**parents, "weight": weight}}
    content = save(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()},
        {"format": "pt", "config": json.dumps(config)},
    )
    card = model_card(file.name, content, network, config, {}, sizes=sizes_of(network), loading=OWN, licence=licence)
    write_with_card(file, content, card)
    return file


def main() -> None:
    """Run from the command line."""
    with plain_errors():
        options: dict[str, str | None] = {"weight": None, "out": "", "licence": "", "overwrite": "false"}
        given = read_arguments(sys.argv[1:], USAGE, ("a", "b"), options)
        file = mix(
            given["a"],
            given["b"],
            read_number("weight", given["weight"]),
            read_path(given["out"]) or None,
            given["licence"] or None,
            read_switch("overwrite", given["overwrite"]),
        )
        Console(highlight=False, markup=False, soft_wrap=True).print(f"{file}\n{card_beside(file)}")


if __name__ == "__main__":
    main()
