"""What makes a training, of all that its configuration and summary say: where this is equal, the seed alone differs.

A run's folder, its logs, pictures and figures, how often it was validated, what it was resumed from or shared with, the
workers that fed it and the devices that shared its batches do not make a training.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from math import prod
from typing import cast

from biasgan.evaluation.result import Evaluation, Json, part, quality_text

Traits = Mapping[str, str | None]
"""Name → value as text; None where it is not set, or not known."""

PARTS = ("init_from", "init_discriminator_from", "interpolated", "training", "callbacks", "loader", "trainer")
"""What a training is built of; all else in a configuration is what these refer to, or is about something else."""

BESIDE = (
    *("training.metrics*", "training.log_every", "training.features.*"),
    *("loader.seed", "loader.iterations", "loader.workers", "loader.source.workers", "loader.source.bad_images"),
    *("loader.source.store", "loader.source.cache*", "loader.source.anonymous", "loader.source.images.download"),
    *(f"trainer.{name}" for name in ("accelerator", "devices", "num_nodes", "strategy*", "deterministic", "benchmark")),
    *(f"trainer.{name}" for name in ("val_check_interval", "limit_val_batches", "default_root_dir", "max_*")),
    *(f"trainer.{name}" for name in ("profiler", "detect_anomaly", "enable_*", "log_every_n_steps")),
)
"""Patterns of what of these parts makes no training."""
TOLD_ELSEWHERE = (
    *("training.iterations", "training.pretrain_iterations", "trainer.precision"),
    *("loader.batch_size", "loader.source.quality"),
)
"""Patterns of what the first traits or the quality that was trained for say."""
CODEC = "loader.source.codec*"
"""As are these, where the codec's identity is known."""
IMAGES = ("loader.source.images*", "loader.source.original", "loader.source.compressed", "loader.source.root")
HOW = ("_convert_", "_partial_", "_recursive_")
"""How Hydra is to call, which makes nothing else of it."""
ROOTS = (".root", ".original", ".compressed")
WATCHERS = (
    *("BatchStatistics", "BiasMonitor", "Checkpoints", "Curves", "Interrupt", "Previews", "ProgressBar", "RandomState"),
    *("Throughput", "DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichProgressBar"),
    *("TQDMProgressBar", "Timer"),
)
"""Classes of callbacks that look on, save or tell."""

SHORT = {
    "callbacks.divergence_regularizer.weight": "\N{GREEK SMALL LETTER LAMDA}",
    "callbacks.divergence_regularizer.per": "hinge per",
    "callbacks.ema.decay": "EMA decay",
    "loader.patch_size": "patch",
    "training.discriminator.in_channels": "channels of the discriminator",
}
"""Trait → its name for people."""
UNNAMED = ("configuration", "weights")
"""Traits that say nothing where they are None."""
TOLD = 3
"""Differences that a label has room for."""
RELEASES = ("codec", "library", "pillow", "decoder", "pyav")
"""Of a codec's identity, what is no choice."""


def traits_of(evaluation: Evaluation) -> dict[str, str | None]:
    """What makes a training, by name: what summary and choices say first, then all else of its configuration."""
    training, config = evaluation.training, evaluation.configuration

    def known(name: str) -> object:
        return training.get(name, part(config, "training", name))

    weights = training.get("features", part(config, "training", "features", "weights"))
    planned = part(config, "training", "iterations")
    found: dict[str, object] = {
        "weights": evaluation.subject.name if evaluation.subject.kind == "weights" and config else None,
        "configuration": None if config else "unknown",
        "scale": evaluation.chosen.get("scale"),
        "images": images_of(evaluation),
        "iterations": known("iterations"),
        "planned iterations": None if planned == known("iterations") else planned,
        "pixel stage": known("pretrain_iterations"),
        # Without a perceptual loss they only watch.
        "features": None if config and not part(config, "training", "layers") else weights,
        "generator": None if config else training.get("generator"),
        "precision": training.get("precision", part(config, "trainer", "precision")),
        "batch": batch_of(evaluation),
        "changed": "; ".join(training.get("changes") or []) or None,
    }
    return {name: text(value) for name, value in (*found.items(), *leaves(evaluation).items())}


def images_of(evaluation: Evaluation) -> str | None:
    """The images that were trained on: how many, and their hash; or else what is known of where they are."""
    training, loader = evaluation.training, part(evaluation.configuration, "loader")
    places = [value for name, value in flat(loader, "loader") if is_any(name, IMAGES) and name.endswith(ROOTS)]
    # Of pairs that were given nobody knows the quality: there the compressed images count too.
    given = training.get("quality", "given") == "given"
    if fingerprint := training.get("data_fingerprint" if given else "originals_fingerprint"):
        return f"{training.get('training_images')} of hash {str(fingerprint)[:8]}"
    words = (evaluation.chosen.get("data"), *places)
    return ", ".join(dict.fromkeys(str(word) for word in words if word)) or None


def batch_of(evaluation: Evaluation) -> int | None:
    """Crops in an iteration, of all processes together."""
    config = evaluation.configuration
    size, processes = part(config, "loader", "batch_size"), part(evaluation.training, "recipe", "processes")
    if processes is None:
        counts = [part(config, "trainer", name) for name in ("devices", "num_nodes")]
        processes = prod(count for count in counts if type(count) is int and count > 0)
    return size * processes if type(size) is int else None


def leaves(evaluation: Evaluation) -> dict[str, str]:
    """All that makes a training, of its configuration alone, by the names on the way to it."""
    config = evaluation.configuration
    folder = part(config, "trainer", "default_root_dir")
    callbacks: Json = part(config, "callbacks") or {}
    classes = {name: str(part(callbacks, name, "_target_")).rpartition(".")[2] for name in callbacks}
    watching = [f"callbacks.{name}.*" for name, kind in classes.items() if kind in WATCHERS]
    codec = [CODEC] if part(evaluation.training, "codec_identity") else []
    left_out = (*BESIDE, *TOLD_ELSEWHERE, *IMAGES, *codec, *watching)
    return {
        name: value
        for name, value in flat({name: config[name] for name in PARTS if name in config})
        if value is not None
        and not is_any(name, left_out)
        # What is written where this run's files are.
        and not (folder and f"{value}/".startswith(f"{folder}/"))
    }


def flat(node: object, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Leaves of nested tables by the names on the way to them; a table of numbers alone is one, an empty one none."""
    table = cast(Json, node if isinstance(node, Mapping) else {})
    numbers = prefix and table and all(type(value) in (int, float) for value in table.values())
    if numbers or not isinstance(node, Mapping):
        yield prefix, text(cast(object, node))
        return
    for name in sorted(table, key=lambda name: name != "_target_"):
        if name not in HOW:
            yield from flat(table[name], f"{prefix}.{name}" if prefix else name)


def text(value: object) -> str | None:
    """A value in words; equal numbers are equal."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        table = cast(Mapping[str, object], value)
        return ", ".join(f"{name} {text(table[name])}" for name in sorted(table)) or "nothing"
    if isinstance(value, list | tuple):
        return ", ".join(str(text(each)) for each in cast(list[object], value)) or "nothing"
    return str(value).lower()


def is_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one that some patterns mean."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def differing(own: Traits, variants: Iterable[Traits]) -> list[str]:
    """Names of the traits in which a training differs from any of some others, in their order."""
    variants = list(variants)
    names = dict.fromkeys(name for traits in (*variants, own) for name in traits)
    return [name for name in names if any(other.get(name) != own.get(name) for other in variants)]


def told_apart(own: Traits, variants: Iterable[Traits]) -> list[str]:
    """What tells a training from some others, in words.

    Where that is too much for a label, the first traits that suffice, those that are known before others.
    """
    variants = list(variants)
    names = sufficient(own, variants, [name for name in differing(own, variants) if own.get(name) or "." in name])
    rest = ["…"] * (len(names) > TOLD and "scale" not in names)
    # A scale says that all of a training's sizes are others.
    if len(names) > TOLD or "scale" in names:
        names = sufficient(own, variants, names, least=True)
    words = [shown(name, own.get(name), {other.get(name) for other in variants}) for name in names]
    return [*(word for word in words if word), *rest]


def sufficient(own: Traits, variants: Iterable[Traits], names: Iterable[str], least: bool = False) -> list[str]:
    """Names of traits that tell a training from all others: these, and as many more as are needed.

    Args:
        own: Of the training.
        variants: It and the others.
        names: Those that come first.
        least: Whether names that tell it from nothing more are left out.
    """
    left = [other for other in variants if other != own]
    found: list[str] = []
    for name in dict.fromkeys([*names, *differing(own, left)]):
        same = [other for other in left if other.get(name) == own.get(name)]
        if len(same) < len(left) or (name in names and not least):
            found.append(name)
        left = same
    return found


def shown(name: str, value: str | None, values: Iterable[str | None] = ()) -> str:
    """A trait in words.

    Args:
        name: Of the trait.
        value: Its value.
        values: Those that it is to be told from.
    """
    words = SHORT.get(name, name.partition(".")[2] if "." in name else name).removesuffix("._target_")
    if value is None:
        return "" if name in UNNAMED else f"no {words}" if "." in name else f"{words} unknown"
    short = value.rpartition(".")[2]
    ends = [other.rpartition(".")[2] for other in values if other is not None]
    return f"{words} {short if name.endswith('_target_') and ends.count(short) < 2 else value}"


def trained_for(evaluation: Evaluation) -> tuple[str, Traits]:
    """What codec and quality a network was trained for, where it was evaluated at others, or is for several.

    Returns:
        In words, empty where it was evaluated at what it was trained for, or that is not known; and the codec's
        parameters then.
    """
    training, config, condition = evaluation.training, evaluation.configuration, evaluation.condition
    quality = quality_text(training.get("quality", part(config, "quality")))
    identity: Json = part(training, "codec_identity") or {}
    # Without a summary the class alone tells, or the choice's name.
    target = str(part(config, "codec", "_target_") or "").rpartition(".")[2].lower()
    choice = str(evaluation.chosen.get("codec") or "")
    codec = str(identity.get("codec") or (choice if choice == condition.codec or not target else target))
    if quality in (None, "given") or not codec:
        return "", {}
    trained, evaluated = (parameters(one) for one in (identity, condition.codec_identity))
    apart = [name for name in differing(trained, [evaluated]) if identity and evaluated and trained.get(name)]
    if codec != condition.codec or quality != condition.quality or "-" in quality:
        return f"trained for {codec} {quality}", trained
    return f"trained for {', '.join(f'{name} {trained[name]}' for name in apart)}" if apart else "", trained


def parameters(identity: Json) -> dict[str, str | None]:
    """What was chosen of a codec, of its identity; releases are left out."""
    chosen = {name: str(text(value)) for name, value in identity.items() if name not in RELEASES}
    if "encoder" in chosen:
        chosen["encoder"] = " ".join(word for word in chosen["encoder"].split() if word[0].isalpha())
    return {**chosen}
