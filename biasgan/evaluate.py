"""Measure restored images and their bias towards the compressed ones: `python -m biasgan.evaluate run=RUN`."""

import json
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hydra
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import Tensor, nn

from biasgan.cli.config import CONF, plain, register_resolvers
from biasgan.cli.errors import plain_errors
from biasgan.cli.options import absolute, as_given, path_in, with_absolute_paths
from biasgan.data.pairs.entry import quality_of
from biasgan.data.pairs.source import PairSource
from biasgan.evaluation.drawings import Judged, draw_disparity, draw_image
from biasgan.evaluation.evaluator import Evaluator
from biasgan.evaluation.figures import SIDES, Figures, finite
from biasgan.evaluation.measures import PATCH, Judge, Measures
from biasgan.evaluation.mitigations import load_mitigations
from biasgan.evaluation.network_cost import NetworkCost
from biasgan.evaluation.result_table import remarks, result_table
from biasgan.evaluation.subject import CompressedImages, Network, RestoredImages, Subject
from biasgan.evaluation.table import can_write_parquet, write_csv, write_parquet
from biasgan.inference.restorer import Restorer
from biasgan.io.checksums import sha256_of_file
from biasgan.io.files import atomic_write, remove_abandoned, require_writable
from biasgan.io.images import read_image
from biasgan.losses.adversarial import AdversarialLoss
from biasgan.metrics.suite import Suite
from biasgan.networks.vgg_features import Features, VGGFeatures
from biasgan.runs.build import build
from biasgan.runs.environment import commit, device_name, versions
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import (
    DISCRIMINATORS,
    class_in,
    config_in,
    discriminator_file,
    generator_file,
    load_discriminator,
    load_generator,
)
from biasgan.system.console import quieten_lightning
from biasgan.system.memory import keep_freed_memory
from biasgan.training.loggers.wandb_log import WandbLog, kept_id
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.mitigated_discriminator import MitigatedDiscriminator
from biasgan.training.mitigations.mitigation import Mitigation, check_discriminator

FORMAT = 1
CHOSEN = ("baseline", "method", "codec", "data", "scale")
SUBJECTS = ("run", "model", "restored")
MEANING = ("data", "codec", "quality", "original", "compressed")
"""What of a configuration says which images of what quality are meant."""

QUALITIES = ("quality", "qf", "qp", "ratio")
GIVEN = ("pairs", "streaming")
"""Sets whose images were compressed before."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def command(config: DictConfig) -> None:
    """Run the evaluation that a configuration describes."""
    # Here too, since Hydra announces what a job raises with all its options.
    with plain_errors():
        settings = HydraConfig.get()
        evaluate(plain(with_absolute_paths(config)), settings.runtime.choices["data"], list(settings.overrides.task))


def evaluate(config: Mapping[str, Any], data: str, options: Sequence[str] = ()) -> None:
    """Measure what a configuration describes, and write everything that is found.

    Args:
        config: The resolved configuration in plain containers.
        data: Name of the choice of images.
        options: Of the command.

    Raises:
        ValueError: If an option is out of its range, or more than one thing is to be evaluated.
    """
    check_options(config)
    keep_freed_memory()
    place = config["run"] or config["model"]
    trained = (config_in(generator_file(place)) or {}) if place else {}
    source = build(PairSource, config["pairs"])
    set_name = name_of_set(config, data)
    folder = out_folder(config, trained, f"{set_name}-{source.identity['codec']}-{config['quality']}")
    # Before pairs are made and networks loaded.
    require_writable(folder)
    subject = subject_of(config, folder)
    measures = measures_of(config, trained)
    evaluator = Evaluator(source, subject, measures, folder / "measured")
    trainer = build(Trainer, config["trainer"])
    if trainer.is_global_zero:
        remove_abandoned(folder)
        say(f"Evaluating {described(subject)} on the validation images of {set_name}, into {folder}")
    test(trainer, evaluator)
    if not trainer.is_global_zero:
        return

    figures = Figures(evaluator.entries, evaluator.names, evaluator.records(), measures, config["seed"])
    result = {
        "format": FORMAT,
        "subject": {"kind": subject.kind, "name": subject.name, "path": subject.path, "sha256": subject.sha256},
        "chosen": {name: trained.get("chosen", {}).get(name) for name in CHOSEN},
        "training": summary_of(config["run"]),
        "config": trained,
        "codec": source.identity["codec"],
        "quality": config["quality"] if config["codec"] else quality_of(evaluator.entries),
        "codec_identity": source.identity,
        "set": {"name": set_name, "images": len(evaluator.entries), "fingerprint": figures.fingerprint},
        "metrics": figures.metrics(),
        "protocols": measures.protocols,
        "unavailable": measures.suite.unavailable,
        "bits_per_pixel": figures.bits_per_pixel(),
        "features": {
            "weights": measures.features.weights_name,
            "layers": measures.layers,
            "patches": config["patches"],
        },
        "triangles": figures.triangles(),
        "realism": figures.realism(),
        "disparity": figures.disparity(),
        "speed": figures.speed(subject.precision),
        "network": cost_of(subject.network),
        "pictures": draw(evaluator, figures, folder, config["pictures"]),
        "command": f"python -m biasgan.evaluate {shlex.join(options)}".rstrip(),
        "options": by_name(options),
        "versions": versions(),
        "hardware": device_name(measures.device),
        "commit": commit(),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    write(result, figures, folder)
    if config["run"] and kept_id(Path(config["run"])):
        log_to_wandb(Path(config["run"]), trained, result, figures, folder)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(result_table(result), *remarks(result), folder / "evaluation.json", folder, sep="\n")


def test(trainer: Trainer, evaluator: Evaluator) -> None:
    """Measure all images.

    Raises:
        KeyboardInterrupt: If somebody stops it.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.test(evaluator, verbose=False)
    except SystemExit as error:
        # Lightning makes of an interrupt an exit without a word, and of those that follow nothing.
        signal.signal(signal.SIGINT, handler)
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        evaluator.close()


def check_options(config: Mapping[str, Any]) -> None:
    """Refuse what would only fail later, or in words that name no option.

    Raises:
        ValueError: Names the option.
    """
    given = [f"{name}={config[name]}" for name in SUBJECTS if config[name]]
    if len(given) > 1:
        raise ValueError(f"run=, model= and restored= exclude each other; got {' and '.join(given)}. Give one of them.")
    if config["run"] and not Path(config["run"]).is_dir():
        raise ValueError(
            f"run={config['run']} is no folder; expected that of a run. A weight file is evaluated by model=FILE."
        )
    least = {"seed": 0, "pictures": 0, **({"patches": 1} if config["patches"] is not None else {})}
    for name, smallest in least.items():
        if type(config[name]) is not int or config[name] < smallest:
            raise ValueError(f"{name} must be a whole number, at least {smallest}; got {config[name]!r}.")


def name_of_set(config: Mapping[str, Any], data: str) -> str:
    """A short name for the images: of their folder where any may be meant, else of the choice."""
    images: Mapping[str, Any] = config.get("data") or {}
    given = config.get("original") if data == "pairs" else images.get("root")
    return Path(given).resolve().name if given and data in ("folder", "images", *GIVEN) else data


def out_folder(config: Mapping[str, Any], trained: Mapping[str, Any], label: str) -> Path:
    """Where an evaluation is written.

    Args:
        config: The configuration.
        trained: That of the run.
        label: Of set, codec and quality.
    """
    if config["out"]:
        return Path(config["out"])
    if config["run"]:
        run = Path(config["run"])
        return run if meaning(config) == meaning(trained) else run / label
    if config["model"]:
        return Path("evaluations", f"{Path(config['model']).stem}-{label}")
    name = Path(config["restored"]).resolve().name if config["restored"] else "compressed"
    return Path("evaluations", f"{name}-{label}")


def meaning(config: Mapping[str, Any]) -> dict[str, Any]:
    """Which images of what quality a configuration means; earlier runs have relative paths."""
    data: Mapping[str, Any] = config.get("data") or {}
    paths = {"root": data.get("root"), "original": config.get("original"), "compressed": config.get("compressed")}
    meant = {name: config.get(name) for name in MEANING}
    return {**meant, "data": {**data, "root": None}, **{name: path and absolute(path) for name, path in paths.items()}}


def subject_of(config: Mapping[str, Any], folder: Path) -> Subject:
    """What is to be evaluated.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileNotFoundError: If there is no such run, file or folder.
    """
    if config["restored"]:
        return RestoredImages(Path(config["restored"]).expanduser())
    place = config["run"] or config["model"]
    if not place:
        return CompressedImages()
    run = Path(config["run"]).resolve() if config["run"] else None
    precision = str(config["precision"])

    def make(network: nn.Module, device: torch.device) -> Restorer:
        return Restorer(network, str(device), precision)

    return Network(
        kind="run" if run else "weights",
        name=f"{run.parent.name}/{run.name}" if run else Path(place).stem,
        path=str(place),
        digest=sha256_of_file(generator_file(place)),
        network=load_generator(place).requires_grad_(False),
        make=make,
        folder=folder / "restored",
    )


def described(subject: Subject) -> str:
    """What is evaluated, in words."""
    return {
        "run": f"the run {subject.path}",
        "weights": f"the weights {subject.path}",
        "restored": f"the restored images in {subject.path}",
        "compressed": "the compressed images themselves",
    }[subject.kind]


def measures_of(config: Mapping[str, Any], trained: Mapping[str, Any]) -> Measures:
    """What is to be measured: with the features of the run and its discriminator, if there is a run."""
    features: dict[str, Any] = dict(config["usual_features"])
    if config["run"]:
        features |= trained.get("features", {})
    features |= {key: value for key, value in config["features"].items() if value is not None}
    layers: dict[str, float] = features["layers"]
    network = VGGFeatures(list(layers), features["weights"])
    return Measures(
        build(Suite, config["metrics"]), network, layers, judge_of(config, trained, network), config["patches"]
    )


def judge_of(config: Mapping[str, Any], trained: Mapping[str, Any], features: VGGFeatures) -> Judge | None:
    """The discriminator that was trained with what is evaluated; None if there is none, or it was never trained.

    Args:
        config: The configuration.
        trained: That of the run.
        features: Of the evaluation, for what the discriminator is shown of features.

    Raises:
        CheckpointError: If it is damaged, or its configuration names something else than a loss and mitigations.
        ValueError: If it takes none of what it is shown.
    """
    place = config["run"] or config["model"]
    known = place in DISCRIMINATORS or (config["run"] and RunFolder(place).discriminator.is_file())
    loss = trained.get("training", {}).get("adversarial_loss")
    if not known or not loss or trained["iterations"] <= trained["pretrain_iterations"]:
        return None
    file = discriminator_file(place)
    relativistic = class_in(loss["_target_"], (AdversarialLoss,), "loss", file).relativistic
    network, mitigations = load_discriminator(place).requires_grad_(False), load_mitigations(place)
    extract = partial(extract_as_trained, features, trained, summary_of(config["run"]))
    return Judge(
        MitigatedDiscriminator(network, mitigations, extract),
        relativistic,
        any(isinstance(mitigation, ConditionalDiscriminator) for mitigation in mitigations),
        patch_size_of(network, mitigations, extract, trained["patch_size"]),
        sha256_of_file(file),
    )


def extract_as_trained(
    features: VGGFeatures, trained: Mapping[str, Any], summary: Mapping[str, Any], image: Tensor
) -> Features:
    """Features of images for a discriminator that was shown something of them, (N, 3, H, W) → {layer: (N, C, h, w)}.

    Args:
        features: Of the evaluation.
        trained: Configuration of the training.
        summary: Of the training.
        image: In [0, 1].

    Raises:
        ValueError: If the training had others.
    """
    weights, layers = summary.get("features", features.weights_name), trained["features"]["layers"]
    if weights != features.weights_name or not set(layers) <= set(features.wanted.values()):
        raise ValueError(
            f"The discriminator of this run is shown something of features, which were {weights} {', '.join(layers)} "
            f"in its training and are {features.weights_name} {', '.join(features.wanted.values())} here. Leave out "
            "features.weights and features.layers, or give those of the training."
        )
    return features.to(image.device)(image)


def patch_size_of(
    discriminator: nn.Module,
    mitigations: Sequence[Mitigation],
    extract: Callable[[Tensor], Features],
    trained: int,
) -> int:
    """Side of the patches that a discriminator judges: the paper's if it takes these, else that of its training.

    Raises:
        ValueError: If it takes neither.
    """
    try:
        check_discriminator(discriminator, mitigations, extract, PATCH)
    except ValueError:
        check_discriminator(discriminator, mitigations, extract, trained)
        return trained
    return PATCH


def summary_of(run: str | None) -> dict[str, Any]:
    """What a run left as summary.json; empty if there is none.

    Raises:
        ValueError: If it is damaged.
    """
    return RunFolder(run).read_summary() if run else {}


def cost_of(network: nn.Module | None) -> dict[str, Any] | None:
    """What a network costs; None if there is none."""
    if network is None:
        return None
    return {"name": getattr(network, "architecture", type(network).__name__), **NetworkCost.of(network)._asdict()}


def draw(evaluator: Evaluator, figures: Figures, folder: Path, most: int) -> list[dict[str, str]]:
    """Draw the figures of the set and the pictures of its first images; returns where the latter are."""
    draw_disparity(folder, figures.disparities)
    judge = evaluator.measures.judge
    drawn: list[dict[str, str]] = []
    for number, (entry, name) in enumerate(list(zip(evaluator.entries, evaluator.names, strict=True))[:most]):
        compressed, original = (np.asarray(pixels) for pixels in entry.pixels())
        restored = evaluator.subject.restored(name, compressed).pixels
        images = {"compressed": compressed, "restored": restored, "original": original}
        judged = Judged(figures.patch_realism[number], judge.patch_size) if judge else None
        drawn.append(draw_image(folder, name, images, judged))
    return drawn


def write(result: Mapping[str, Any], figures: Figures, folder: Path) -> None:
    """Write what was found: `evaluation.json` last, so that where it is all is."""
    write_csv(figures.rows(), folder / "evaluation.csv")
    if can_write_parquet():
        write_parquet(figures.rows(), folder / "evaluation.parquet")
    write_csv(figures.disparity_rows(), folder / "disparity.csv")
    with atomic_write(RunFolder(folder).evaluation) as temporary:
        temporary.write_text(json.dumps(finite(result), indent=2, allow_nan=False) + "\n")


def log_to_wandb(
    run: Path, trained: Mapping[str, Any], result: Mapping[str, Any], figures: Figures, folder: Path
) -> None:
    """Log figures, the table of the images and pictures to the W&B run of a training."""
    # Seconds that only such runs take.
    import wandb

    node: Mapping[str, Any] = trained.get("logger", {}).get("wandb", {})
    options = {key: value for key, value in node.items() if key not in ("_target_", "folder", "id")}
    log = WandbLog(run, **options)
    prefix = f"evaluation {result['set']['name']} {result['codec']} {result['quality']}"
    rows = figures.rows()
    realism: Mapping[str, Any] = result["realism"] or {}
    values: dict[str, Any] = {
        **{f"{metric}_{side}": means[side] for metric, means in result["metrics"].items() for side in SIDES},
        **{f"deviation_{name}": triangle["deviation"] for name, triangle in result["triangles"].items()},
        **{f"realism_{name}": realism.get(name) for name in ("original", *reversed(SIDES))},
        "bits_per_pixel": result["bits_per_pixel"]["mean"],
        "images": wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows]),
        "disparity": wandb.Image(str(folder / "disparity.png")),
    }
    for picture in result["pictures"]:
        for drawn in ("residual", "realism"):
            if drawn in picture:
                values[f"{drawn}_{picture['name']}"] = wandb.Image(read_image(folder / picture[drawn]))
    iteration: int = result["training"].get("iterations", trained["iterations"])
    log.log_metrics({f"{prefix}/{key}": value for key, value in values.items() if value is not None}, iteration)
    log.finalize("success")


def say(text: str) -> None:
    """Print a line for the person at the terminal."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text)


def one_for_each_run(arguments: Sequence[str]) -> list[list[str]]:
    """Command-line arguments, once for each of several runs that a multirun names; each brings options of its own.

    Raises:
        ValueError: If several runs are named without -m.
    """
    parser = OverridesParser.create()
    for place, argument in enumerate(arguments):
        if argument.startswith("run="):
            override = parser.parse_override(argument)
            if override.is_sweep_override():
                if not {"-m", "--multirun"} & set(arguments):
                    raise ValueError(f"{argument} names several runs; add -m to evaluate each on its own.")
                runs = override.sweep_string_iterator()
                return [[*arguments[:place], f"run={run}", *arguments[place + 1 :]] for run in runs]
    return [list(arguments)]


def with_options_of_run(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments, and before the run that is to be evaluated its set, codec and quality.

    Whoever gives another codec, quality or set has that instead of the run's.

    Raises:
        CheckpointError: If the run's weights are damaged, or carry no configuration.
        FileNotFoundError: If there are none.
    """
    found = ((n, path_in(argument)) for n, argument in enumerate(arguments) if argument.startswith("run="))
    place, run = next(found, (0, None))
    if not run:
        return list(arguments)
    config = config_in(generator_file(run)) or {}
    chosen: Mapping[str, str] = config.get("chosen", {})
    given = by_name(arguments)
    names = {name.split(".")[0] for name in given}
    taken: list[str] = []
    parts: set[str] = set()
    if "data" in chosen and "data" not in given:
        taken.append(f"data={chosen['data']}")
        parts |= {"data", "pairs", "original", "compressed"}
    if "codec" in chosen and "codec" not in given and given.get("data", chosen["data"]) not in GIVEN:
        taken.append(f"codec={chosen['codec']}")
        parts.add("codec")
        if not names & set(QUALITIES):
            taken.append(f"quality={config['quality']}")
    options: list[str] = config.get("options", [])
    for option in options:
        name = option.lstrip("+~").partition("=")[0]
        if name.split(".")[0] in parts and name not in ("data", "codec", "pairs") and name not in given:
            taken.append(option)
    return [*arguments[:place], *taken, *arguments[place:]]


def by_name(options: Sequence[str]) -> dict[str, str]:
    """Options of a command by their names."""
    parts = (option.lstrip("+~").partition("=") for option in options)
    return {name: value for name, _, value in parts}


def main() -> None:
    """Run from the command line."""
    quieten_lightning()
    register_resolvers()
    with plain_errors(), TemporaryDirectory(prefix="biasgan-") as scratch:
        # Hydra makes a folder for each job, and a file for several.
        OmegaConf.register_new_resolver("scratch", lambda: scratch, replace=True)
        for arguments in one_for_each_run(as_given(sys.argv[1:])):
            sys.argv[1:] = with_options_of_run(arguments)
            command()


if __name__ == "__main__":
    main()
