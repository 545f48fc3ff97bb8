"""Hand a trained generator on by the Hugging Face Hub."""

import re
from collections.abc import Mapping
from typing import Any

from biasgan.exporting.formats import safetensors_of
from biasgan.exporting.model_card import model_card, read_summary, sizes_of
from biasgan.io.hub import library, publish, repository
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import config_in, generator_file, load_generator

LOADING = """
import biasgan

restored = biasgan.load("hf:{repository}")("photo.jpg")
"""
IDENTIFIER = r"[a-z0-9][a-z0-9.-]*"
"""What names of licences look like that the hub knows."""


def upload(run: str, to: str, licence: str | None = None) -> str:
    """Write a generator with its configuration into a repository, with a model card.

    Args:
        run: What `weights.generator_file` takes.
        to: What `hub.publish` takes.
        licence: Of the weights, best as the hub calls it: apache-2.0, cc-by-4.0 …

    Returns:
        Address of the repository.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileNotFoundError: If there is no such run, or branch.
        ImportError: If huggingface_hub is not installed.
        OSError: If the hub cannot be reached, or refuses.
        ValueError: If `to` names no repository.
    """
    name = repository(to).name
    source = generator_file(run)
    network = load_generator(run).requires_grad_(False)
    config, summary = config_in(source) or {}, read_summary(source)
    content = safetensors_of({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, config)
    file = RunFolder(source.parent).generator.name
    card = model_card(
        file, content, network, config, summary,
        sizes=sizes_of(network), loading=LOADING.replace("{repository}", name), licence=licence,
    )  # fmt: skip
    files = {file: content, "README.md": f"{front_matter(name, config, summary, licence)}\n{card}".encode()}
    return publish(to, files, f"{type(network).__name__} trained with biasgan")


def front_matter(name: str, config: Mapping[str, Any], summary: Mapping[str, Any], licence: str | None) -> str:
    """What the hub reads of a model card: licence, tags, figures.

    Args:
        name: Of the repository.
        config: Resolved configuration of the run, empty if there is none.
        summary: What the run left as summary.json, empty if there is none.
        licence: Of the weights.
    """
    chosen = {**config.get("chosen", {}), **summary}
    hub = library()
    known = re.fullmatch(IDENTIFIER, licence or "")
    figures = {metric: summary.get("restored", {}).get(metric) for metric in ("psnr", "ssim")}
    data = hub.ModelCardData(
        license=(licence if known else "other") if licence else None,
        license_name=None if known else licence,
        library_name="biasgan",
        pipeline_tag="image-to-image",
        tags=["image-restoration", *(chosen[part] for part in ("codec", "baseline", "method") if chosen.get(part))],
        metrics=[metric for metric, figure in figures.items() if figure is not None] or None,
        model_name=name.partition("/")[2],
        eval_results=[
            hub.EvalResult("image-to-image", chosen.get("data", "images"), "validation images", metric, figure)
            for metric, figure in figures.items()
            if figure is not None
        ],
    )
    return f"---\n{data.to_yaml()}\n---\n"
