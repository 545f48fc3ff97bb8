import csv
from pathlib import Path
from typing import Any

import pytest

from biasgan.evaluation.result import Evaluation
from biasgan.metrics.fid import FID
from biasgan.metrics.fidelity import PSNR
from biasgan.metrics.iqa import MODELS
from biasgan.reporting import paper
from biasgan.reporting.groups import grouped
from biasgan.reporting.likeness import by_hand, differences, in_short, metric_differences, training_differences
from biasgan.reporting.paper import ENCODER

from .made import PROTOCOLS, TRAINED, X265, make_evaluation


def made(folder: Path, **options: Any) -> Evaluation:  # noqa: ANN401
    make_evaluation(folder, **options)
    return Evaluation.read(folder / "evaluation.json")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"set_name": "DIV2K_valid_HR"}, ""),
        ({"set_name": "mine"}, ""),
        ({"images": 10}, "other set"),
        ({"side": 40}, "other set"),
        ({"quality": 42}, "other quality"),
        ({"codec": "jpeg", "quality": 20}, "other codec"),
        ({"codec": "jpeg", "quality": 37, "images": 24}, "other set, codec"),
        ({"codec_identity": {"codec": "bpg"}}, "unknown encoder"),
        ({"codec_identity": {"codec": "bpg", **ENCODER, "decoder": "bpgdec 0.9.9"}}, ""),
        ({"codec_identity": {"codec": "bpg", **ENCODER, "chroma": "4:4:4"}}, "other encoder"),
        ({"codec_identity": {"codec": "bpg", **ENCODER, "encoder": "bpgenc 0.9.8 x265"}}, "other encoder"),
        ({"codec_identity": {"codec": "bpg", **ENCODER, "encoder": "bpgenc 0.9.5 jctvc"}}, "other encoder"),
        ({"codec_identity": X265}, "other encoder"),
        ({"codec_identity": X265, "quality": 40}, "other encoder"),
        ({"codec_identity": X265, "quality": 38}, "other encoder, quality"),
        ({"quality": 40}, "other quality"),
        ({"quality": "27-47"}, "other quality"),
    ],
)
def test_images_are_the_papers_by_what_they_are(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    assert in_short(differences([made(tmp_path, **options)])) == words


def test_a_set_is_known_by_its_images_not_by_its_folder(tmp_path: Path) -> None:
    one = made(tmp_path, set_name="div2k")
    with one.file.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerows([["name", "height", "width"], *([f"{n:04}", 2040, 1356] for n in range(1, 101))])
    assert in_short(differences([Evaluation.read(one.file)])) == "other set"
    one.file.with_suffix(".csv").unlink()
    told = differences([Evaluation.read(one.file)])
    assert [each.short for each in told] == ["unknown set"]
    assert told[0].long == "which images div2k has is not known without evaluation.csv"


def test_a_curve_has_the_papers_qualities(tmp_path: Path) -> None:
    for identity, qualities in (({"codec": "bpg", **ENCODER}, paper.QUALITIES), (X265, ("30", "35", "40", "45", "50"))):
        some = [made(tmp_path / q, quality=int(q), codec_identity=identity) for q in qualities]
        told = in_short(differences(some, paper.QUALITIES))
        assert told == ("other encoder" if identity == X265 else "")
        assert differences(some[1:], paper.QUALITIES)[-1].long.endswith("instead of 27, 32, 37, 42, 47")


def test_variants_are_those_that_are_measured() -> None:
    """What the paper is said to have is what this package measures under that name."""
    protocols = {name: model.protocol for name, model in MODELS.items() if name in paper.VARIANTS}
    protocols |= {"fid": FID.protocol, "psnr": PSNR.protocol}
    assert protocols.keys() == paper.VARIANTS.keys() == paper.METRICS.keys()
    for name, protocol in protocols.items():
        assert protocol.variant.startswith(paper.VARIANTS[name])
        assert protocol.colour == paper.COLOURS.get(name, "RGB")


@pytest.mark.parametrize("change", [{"variant": "VGG-16"}, {"colour": "Y"}, {"rounding": "none"}, {"variant": None}])
def test_another_variant_of_a_metric_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    usual = made(tmp_path)
    assert metric_differences("lpips", [usual]) == []
    other = made(tmp_path, protocols={**PROTOCOLS, "lpips": {**PROTOCOLS["lpips"], **change}})
    assert in_short(metric_differences("lpips", [usual, other])) == "other variant"
    assert metric_differences("psnr", [other]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"chosen": {"scale": "lite"}}, "other scale"),
        ({"chosen": {"scale": None}}, "unknown scale"),
        ({"training": {"features": "random"}}, "other features"),
        ({"training": {"features": "vgg19-dcbb9e9d.pth dcbb9e9d"}}, ""),
        ({"training": {"features": "vgg16 imagenet"}}, "other features"),
        ({"chosen": {"baseline": "arcnn"}, "training": {"features": "random"}}, ""),
        ({"chosen": {"data": "folder"}}, ""),
        ({"chosen": {"data": "folder"}, "training": {"training_images": 6}}, "other images"),
        ({"training": {"codec_identity": X265}}, "other training, encoder"),
        ({"training": {"quality": 42}}, "other training"),
        ({"options": ["baseline=realesrgan", "codec.encoder=jctvc", "seed=3", "~callbacks.previews"]}, ""),
        ({"options": ["qp=37", "callbacks.divergence_regularizer.weight=1"]}, "other options"),
        ({"training": {"iterations": 500}}, "other length"),
    ],
)
def test_trainings_are_the_papers_by_what_they_are(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    chosen = {"baseline": "realesrgan", "method": "full", "codec": "bpg", "data": "div2k", "scale": "paper"}
    training = {"seed": 0, "iterations": 1000, "quality": 37, **TRAINED, **changes.get("training", {})}
    config = {"options": changes.get("options", []), "training": {"iterations": 1000, "layers": {"conv1_2": 1}}}
    one = made(tmp_path, chosen=chosen | changes.get("chosen", {}), training=training, config=config)
    ((group, members),) = grouped([one]).items()
    assert in_short(training_differences(group, members)) == words


def test_options_that_make_another_training() -> None:
    made = [by_hand(option) for option in ("generator=arcnn", "+a.b=1", "features.layers={}", "callbacks.ema.decay=1")]
    assert made == [True] * 4
    assert not any(by_hand(option) for option in ("data.root=x", "features.weights=x", "hydra.run.dir=x", "qf=3"))
