"""The text beside weights that are handed on: what they are, how they were made, how to use them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import biasgan
from biasgan.io.checksums import sha256
from biasgan.io.files import atomic_write
from biasgan.networks.any_size import SizeNeeds
from biasgan.runs.folder import RunFolder

UNKNOWN = "unknown"
UNSTATED = (
    "not stated. biasgan is under the Apache License 2.0; what holds for the weights depends on the licences of the "
    "training images and of whatever weights they started from"
)

OWN = """
from biasgan.runs.weights import load_generator
from biasgan.networks.any_size import restore

restored = restore(load_generator("{name}"), image)
"""
"""Python that runs a file of weights with this package."""


def model_card(
    name: str,
    content: bytes,
    network: nn.Module,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    sizes: str,
    loading: str,
    licence: str | None = None,
) -> str:
    """The model card of a file with a generator, as Markdown. What is not known is said to be unknown.

    Args:
        name: Of the file.
        content: Of the file.
        network: The generator in it.
        config: Resolved configuration of the run, empty if there is none.
        summary: What the run left as summary.json, empty if there is none.
        sizes: What images it takes, in words.
        loading: Python that loads and runs it; {name} in it stands for the file.
        licence: Of the weights.
    """
    chosen = {**config.get("chosen", {}), **summary}
    kind = getattr(network, "architecture", type(network).__name__)
    numbers = [f"{key} {value}" for key, value in config.get("generator", {}).items() if isinstance(value, int)]
    parameters = f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters"
    facts = {
        "file": f"`{name}`, {len(content):,} bytes",
        "sha-256": f"`{sha256(content)}`",
        "network": ", ".join([kind, parameters, *numbers]),
        "input": "RGB, float32 in [0, 1], (N, 3, H, W)",
        "output": "the same shape, about [0, 1]; clamp it before rounding",
        "sizes": sizes,
        "licence": licence or UNSTATED,
        "written by": f"biasgan {biasgan.__version__}, PyTorch {torch.__version__}",
    }
    codec, quality = chosen.get("codec"), config.get("quality", summary.get("quality"))
    purpose = f"{kind} that restores images compressed with {codec}" if codec else f"{kind} that restores images"
    parts = [
        f"# {purpose}" + (f" of quality {quality}" if codec and quality is not None else ""),
        table(("", ""), facts.items()),
        f"## Use\n\n```python\n{loading.strip().replace('{name}', name)}\n```",
        f"## Training\n\n{table(('', ''), training(config, summary).items())}",
        *mixture(config.get("interpolated")),
        f"## Figures\n\n{figures(summary)}",
    ]
    return "\n\n".join(parts) + "\n"


def training(config: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """How the weights were made."""
    chosen = {**config.get("chosen", {}), **summary}
    identity: Mapping[str, Any] = summary.get("codec_identity", {})
    return {
        "baseline": chosen.get("baseline"),
        "method": chosen.get("method"),
        "data": data(chosen.get("data"), summary.get("training_images")),
        "codec": chosen.get("codec"),
        "codec's identity": ", ".join(f"{key} {value}" for key, value in identity.items() if key != "codec"),
        "quality": config.get("quality", summary.get("quality")),
        "scale": chosen.get("scale"),
        "iterations": iterations(config, summary),
        "perceptual features": summary.get("features"),
        "precision": summary.get("precision"),
        "seed": config.get("seed", summary.get("seed")),
        **{f"{part} started from": start for part, start in config.get("started_from", {}).items()},
    }


def data(name: str | None, images: int | None) -> str | None:
    """The training set in words."""
    return f"{name}, {images} images" if name and images else name


def iterations(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str | None:
    """How long the training was, in words: as it came out, or else as it was meant."""
    known = summary if "iterations" in summary else config
    if "iterations" not in known:
        return None
    pixel = min(known.get("pretrain_iterations", 0), known["iterations"])
    return f"{known['iterations']}, of which {pixel} with the pixel loss alone"


def mixture(made_of: Mapping[str, Any] | None) -> list[str]:
    """The section on what weights were mixed of; none if they were not."""
    if not made_of:
        return []
    weight: float = made_of["weight"]
    rows = [(side, made_of[side]["name"], f"`{made_of[side]['sha256']}`") for side in ("a", "b")]
    return [
        f"## Mixture\n\nThe weights are a + {weight:g} · (b - a). The training above is that of b.\n\n"
        + table(("", "file", "sha-256"), rows)
    ]


def figures(summary: Mapping[str, Any]) -> str:
    """What was measured at the end of the run."""
    if "restored" not in summary:
        return f"They are {UNKNOWN}: the file did not lie beside the summary of its run."
    rows = [
        [label, *(number(summary[part].get(name)) for part in ("compressed", "restored"))]
        for label, name in (("PSNR, dB", "psnr"), ("SSIM", "ssim"))
    ]
    rest = {
        "bits per pixel": number(summary["compressed"].get("bits_per_pixel")),
        **{f"realism of {part}": number(value) for part, value in summary.get("realism", {}).items()},
        "deviation (eq. 1), %": number(summary.get("deviation")),
    }
    return (
        f"On {summary.get('validation_images', UNKNOWN)} validation images, at the end of the run.\n\n"
        f"{table(('', 'compressed', 'restored'), rows)}\n\n{table(('', ''), rest.items())}"
    )


def number(value: float | None) -> str:
    """A figure with four digits behind the point."""
    return UNKNOWN if value is None else f"{value:.4f}"


def table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; what is None or empty is unknown."""
    lines = [[UNKNOWN if cell in (None, "") else str(cell) for cell in row] for row in rows]
    return "\n".join(
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |"
        for line in (head, ["---"] * len(head), *lines)
    )


def sizes_of(network: nn.Module) -> str:
    """What images weights take, in words."""
    needs = SizeNeeds.of(network)
    if needs == (1, 1):
        return "any"
    return f"multiples of {needs.multiple_of} from {needs.smallest_side} on; the code below extends others"


def card_beside(file: Path) -> Path:
    """Where the model card of a file is."""
    return file.with_name(f"{file.name}.md")


def refuse_existing(file: Path, overwrite: bool) -> None:
    """Refuse to replace a file or its model card.

    Raises:
        FileExistsError: If there is one and it is not to be overwritten.
        IsADirectoryError: If the file is a folder.
    """
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder; --out takes the name of a file.")
    for path in (file, card_beside(file)):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} is there already. Give another --out, or --overwrite.")


def write_with_card(file: Path, content: bytes, card: str) -> tuple[Path, Path]:
    """Write a file and its model card, each whole or not at all; folders are made.

    Returns:
        Both.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = card_beside(file)
    # The card first, so that no file is without one.
    for path, data in ((beside, card.encode()), (file, content)):
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)
    return file, beside


def read_summary(file: Path) -> dict[str, Any]:
    """What a run says about the generator that it left; empty for any other file.

    Raises:
        ValueError: If the summary is damaged.
    """
    run = RunFolder(file.parent)
    return run.read_summary() if file == run.generator else {}
