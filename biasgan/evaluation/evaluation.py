"""An evaluation from its settings to its files."""

import shlex
import signal
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import nn

from biasgan.cli.evaluated import by_name
from biasgan.data.pairs.entry import quality_of
from biasgan.evaluation.drawings import Judged, draw_disparity, draw_image
from biasgan.evaluation.evaluator import Evaluator
from biasgan.evaluation.findings import Findings
from biasgan.evaluation.judge import judge_of
from biasgan.evaluation.measures import Measures
from biasgan.evaluation.network_cost import network_cost
from biasgan.evaluation.result import Evaluation, FeatureFacts, SetFacts, SubjectFacts
from biasgan.evaluation.settings import Settings
from biasgan.evaluation.subject import CompressedImages, Network, RestoredImages, Subject
from biasgan.evaluation.tables import can_write_parquet, write_csv, write_parquet
from biasgan.evaluation.to_wandb import log_to_wandb
from biasgan.inference.restorer import Restorer
from biasgan.io.checksums import sha256_of_file
from biasgan.io.files import remove_abandoned, require_writable
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.runs.environment import commit, device_name, versions
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import generator_file, load_generator
from biasgan.system.console import say
from biasgan.system.memory import keep_freed_memory

CHOSEN = ("baseline", "method", "codec", "data", "scale")
MEANT = {
    "run": "the run {}",
    "weights": "the weights {}",
    "restored": "the restored images in {}",
    "compressed": "the compressed images themselves",
}
"""Kind of what is evaluated → in words, with its path."""


def evaluate(settings: Settings) -> Evaluation | None:
    """Measure images, and write everything that is found: `evaluation.json` last, so that where it is all is.

    Returns:
        What was found; None in all processes but the first.

    Raises:
        CheckpointError: If weights do not serve.
        FileNotFoundError: If there are no such images.
        KeyboardInterrupt: If somebody stops it.
        OSError: If the folder cannot be written to.
    """
    keep_freed_memory()
    # Before pairs are made and networks loaded.
    require_writable(settings.folder)
    subject = subject_of(settings)
    measures = measures_of(settings)
    evaluator = Evaluator(settings.source, subject, measures, settings.folder / "measured")
    trainer = settings.trainer()
    if trainer.is_global_zero:
        remove_abandoned(settings.folder)
        meant = f"{MEANT[settings.kind].format(settings.path)} on the validation images of {settings.set_name}"
        say(f"Evaluating {meant}, into {settings.folder}", error=True)
    test(trainer, evaluator)
    if not trainer.is_global_zero:
        return None
    findings = Findings(evaluator.entries, evaluator.names, evaluator.measurements(), measures, settings.seed)
    evaluation = evaluation_of(settings, subject, findings, draw(settings, subject, findings))
    write(findings, settings.folder)
    evaluation.write()
    log_to_wandb(evaluation, findings.rows())
    return evaluation


def subject_of(settings: Settings) -> Subject:
    """What is to be evaluated.

    Raises:
        CheckpointError: If there are no weights that serve.
        FileNotFoundError: If there is no such run, file or folder.
    """
    if settings.kind == "restored":
        return RestoredImages(Path(settings.path).expanduser())
    if settings.kind == "compressed":
        return CompressedImages()

    def make(network: nn.Module, device: torch.device) -> Restorer:
        return Restorer(network, str(device), settings.precision)

    path, place = settings.path, Path(settings.path).resolve()
    return Network(
        kind=settings.kind,
        name=f"{place.parent.name}/{place.name}" if settings.kind == "run" else Path(path).stem,
        path=path,
        digest=sha256_of_file(generator_file(path)),
        network=load_generator(path).requires_grad_(False),
        make=make,
        folder=settings.folder / "restored",
    )


def measures_of(settings: Settings) -> Measures:
    """What is to be measured: with the features of the run and its discriminator, if there is a run."""
    features = VGGFeatures(list(settings.layers), settings.feature_weights, settings.feature_network)
    suite = settings.suite()
    return Measures(suite, features, settings.layers, judge_of(settings, features), settings.patches)


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


def draw(settings: Settings, subject: Subject, findings: Findings) -> list[dict[str, str]]:
    """Draw the disparity of the set and pictures of its first images; returns where the latter are."""
    draw_disparity(settings.folder, findings.disparities)
    judge = findings.measures.judge
    drawn: list[dict[str, str]] = []
    for number, (entry, name) in enumerate(zip(findings.entries, findings.names, strict=True)):
        if number == settings.pictures:
            break
        compressed, original = (np.asarray(pixels) for pixels in entry.pixels())
        restored = subject.restored(name, compressed).pixels
        images = {"compressed": compressed, "restored": restored, "original": original}
        judged = Judged(findings.patch_realism[number], judge.patch_size) if judge else None
        drawn.append(draw_image(settings.folder, name, images, judged))
    return drawn


def write(findings: Findings, folder: Path) -> None:
    """Write the tables of images and patches."""
    rows = findings.rows()
    write_csv(rows, folder / "evaluation.csv")
    if can_write_parquet():
        write_parquet(rows, folder / "evaluation.parquet")
    write_csv(findings.disparity_rows(), folder / "disparity.csv")


def evaluation_of(
    settings: Settings, subject: Subject, findings: Findings, pictures: Sequence[dict[str, str]]
) -> Evaluation:
    """All that was found, and what is needed to find it again."""
    measures, chosen = findings.measures, settings.trained.get("chosen", {})
    words = shlex.join(settings.options)
    return Evaluation(
        file=RunFolder(settings.folder).evaluation,
        subject=SubjectFacts(subject.kind, subject.name, subject.path, subject.sha256),
        chosen={name: chosen.get(name) for name in CHOSEN},
        training=settings.training,
        config=settings.trained,
        codec=str(settings.source.identity["codec"]),
        quality=quality_of(findings.entries) if settings.quality is None else settings.quality,
        codec_identity=settings.source.identity,
        set=SetFacts(settings.set_name, len(findings.entries), findings.fingerprint),
        metrics=findings.metrics(),
        protocols=measures.protocols,
        unavailable=measures.suite.unavailable,
        bits_per_pixel=findings.bits_per_pixel(),
        features=FeatureFacts(measures.features.weights_name, measures.layers, settings.patches),
        triangles=findings.triangles(),
        realism=findings.realism(),
        disparity=findings.disparity(),
        speed=findings.speed(subject.precision),
        network=network_cost(subject.network) if subject.network else None,
        pictures=pictures,
        command=f"biasgan evaluate {words}".rstrip(),
        options=by_name(settings.options),
        versions=versions(),
        hardware=device_name(measures.device),
        commit=commit(),
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
