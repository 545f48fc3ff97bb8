"""What is measured on images, and what becomes of it over a set."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor, nn

from biasgan.analysis.patches import patch_grid
from biasgan.data.pairs.entry import Entry
from biasgan.evaluation.bootstrap import Bootstrap
from biasgan.evaluation.findings import Findings
from biasgan.evaluation.judge import Judge
from biasgan.evaluation.kept import Measurement
from biasgan.evaluation.measures import Measures
from biasgan.evaluation.result import Speed
from biasgan.io.images import to_tensor
from biasgan.losses.adversarial import RelativisticAverageLoss, VanillaAdversarialLoss
from biasgan.metrics.fid import FID, SetMetric, frechet_distance
from biasgan.metrics.fidelity import PSNR
from biasgan.metrics.metric import ImageMetric, SuiteMetric
from biasgan.metrics.protocol import Protocol
from biasgan.metrics.suite import Suite
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.mitigated_discriminator import MitigatedDiscriminator

LAYERS = {"conv1_2": 0.5, "conv2_2": 1.0}
SIDES = [(0, 1), (0, 2), (1, 2)]
"""Of a triangle, among compressed, restored and original."""


class Difference(ImageMetric):
    """A distance of images in the place of LPIPS."""

    protocol = Protocol("difference", "mean", False, "tests")

    def measure(self, image: Tensor, original: Tensor) -> Tensor:
        return (image - original).abs().mean((1, 2, 3))


class Colours(SetMetric):
    """Fréchet distance of mean colours in the place of FID."""

    protocol = replace(FID.protocol, library="tests")

    def __init__(self) -> None:
        SuiteMetric.__init__(self)

    def features(self, image: Tensor) -> Tensor:
        return image.mean((1, 2))[None]

    def distance(self, image: Tensor, original: Tensor) -> Tensor:
        return frechet_distance(image, original)


class Choosy(Difference):
    """The same, of images that are not too small."""

    smallest_side = 11


class ChoosyColours(Colours):
    """The same, of images that are not too small."""

    smallest_side = 11


class Brightness(nn.Module):
    """A discriminator that likes bright candidates and dark conditions: a logit for each pixel."""

    def forward(self, shown: Tensor) -> Tensor:
        condition, candidate = shown[:, :3], shown[:, 3:]
        return (3 * candidate - condition).mean(1, keepdim=True)


class Image(Entry):
    """An entry whose pixels nobody asks for."""

    @property
    def digest(self) -> str:
        return self.name

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError


def picture(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


SIZES = [(140, 150), (130, 300), (60, 70)]
PICTURES = [[picture(3 * n + state, *size) for state in range(3)] for n, size in enumerate(SIZES)]
"""Compressed, restored and original images."""


def make_measures(relativistic: bool = False) -> Measures:
    loss = RelativisticAverageLoss if relativistic else VanillaAdversarialLoss
    return Measures(
        Suite({"psnr": PSNR(), "lpips": Difference(), "fid": Colours()}),
        VGGFeatures(list(LAYERS), "random"),
        LAYERS,
        Judge(MitigatedDiscriminator(Brightness().eval(), [ConditionalDiscriminator()]), loss, True, 128, "abc"),
        patches=None,
    )


def make_findings(measures: Measures, pictures: list[list[np.ndarray]]) -> Findings:
    entries = [Image(str(n), p[0].shape[1], p[0].shape[0], 1000 * (n + 1), 20) for n, p in enumerate(pictures)]
    measurements = [Measurement(measures.of(*images), {"device": ""}) for images in pictures]
    return Findings(entries, [entry.name for entry in entries], measurements, measures)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return make_findings(make_measures(), PICTURES)


def test_means_and_intervals_of_metrics(findings: Findings) -> None:
    metrics = findings.metrics()
    assert list(metrics) == ["psnr", "lpips", "fid"]
    errors = np.array([[((p[k] / 255.0 - p[2] / 255.0) ** 2).mean() for k in (0, 1)] for p in PICTURES])
    psnr = -10 * np.log10(errors)
    found = metrics["psnr"]
    assert [found.compressed, found.restored] == pytest.approx(psnr.mean(0), rel=1e-5)
    bootstrap = Bootstrap(3)
    assert found.compressed_interval == pytest.approx(bootstrap.interval(psnr[:, 0]), rel=1e-5)
    assert found.restored_interval == pytest.approx(bootstrap.interval(psnr[:, 1]), rel=1e-5)
    assert found.gain_interval == pytest.approx(bootstrap.interval(psnr[:, 1] - psnr[:, 0]), rel=1e-3, abs=1e-5)


def test_a_metric_of_sets_has_one_number(findings: Findings) -> None:
    colours = torch.tensor(np.array([[(i / 255).mean((0, 1)) for i in p] for p in PICTURES])).unbind(1)
    expected = [float(frechet_distance(side, colours[2])) for side in colours[:2]]
    found = findings.metrics()["fid"]
    assert [found.compressed, found.restored] == pytest.approx(expected, abs=1e-7)
    assert (found.compressed_interval, found.restored_interval, found.gain_interval) == (None, None, None)
    assert found.vectors == len(PICTURES)


def test_triangles_have_their_sides_in_order(findings: Findings) -> None:
    triangles = findings.triangles()
    assert list(triangles) == ["features", "lpips", "fid"]
    network = VGGFeatures(list(LAYERS), "random")
    expected: list[list[float]] = []
    for images in PICTURES:
        grids = [patch_grid(to_tensor(image)[None], 128) for image in images]
        features = [network(grid) for grid in grids]
        expected.append(
            [
                sum(w * float((features[a][name] - features[b][name]).abs().mean()) for name, w in LAYERS.items())
                for a, b in SIDES
            ]
        )
    found = triangles["features"]
    assert found.triangle == pytest.approx(np.mean(expected, 0), rel=1e-4)
    differences = [[np.abs(p[a].astype(float) - p[b]).mean() / 255 for p in PICTURES] for a, b in SIDES]
    found = triangles["lpips"]
    assert found.triangle == pytest.approx(np.mean(differences, 1), rel=1e-5)
    one, two, three = np.mean(differences, 1)
    assert found.deviation == pytest.approx(100 * (one**2 - three**2) / two**2, abs=1e-3)
    assert found.deviation is not None
    low, high = found.deviation_interval or (math.inf, -math.inf)
    assert low <= found.deviation <= high
    assert triangles["fid"].deviation_interval is None


def test_realism_of_all_patches(findings: Findings) -> None:
    scores = [findings.measurements[n].values["scores"].numpy() for n in range(3)]
    assert [len(score) for score in scores] == [1, 2, 1]
    grids = [[patch_grid(to_tensor(image)[None], 128).numpy() for image in p] for p in PICTURES]
    # Original, restored, compressed, each beside its compressed patch.
    expected = [
        np.concatenate([expit((3 * grid[state] - grid[0]).mean(1)).mean((1, 2)) for grid in grids]).mean()
        for state in (2, 1, 0)
    ]
    found = findings.realism()
    assert found
    assert (found.kind, found.conditional, found.patch_size) == ("plain", True, 128)
    assert found.sha256 == "abc"
    assert [found.original, found.restored, found.compressed] == pytest.approx(expected, abs=1e-5)
    for number, name in enumerate(("original", "restored", "compressed")):
        assert getattr(found, f"{name}_interval") == pytest.approx(ends([score[:, number] for score in scores]))


def ends(scores: list[np.ndarray]) -> tuple[float, float]:
    """The interval of three images: one draw of 27 has the lowest of them thrice, which is more often than 2.5 %."""
    means = [float(score.mean()) for score in scores]
    return min(means), max(means)


def test_realism_of_a_relativistic_discriminator() -> None:
    findings = make_findings(make_measures(relativistic=True), PICTURES)
    found = findings.realism()
    assert found
    logits = [one.values["scores"].double().numpy() for one in findings.measurements]
    average = np.concatenate(logits).mean(0)
    # Each against the opposite set: originals against restored and the reverse, compressed against restored.
    for number, (name, against) in enumerate([("original", 1), ("restored", 0), ("compressed", 1)]):
        expected = ends([expit(score[:, number] - average[against]) for score in logits])
        assert getattr(found, f"{name}_interval") == pytest.approx(expected, rel=1e-5)
    assert found.kind == "relativistic"
    assert found.original is not None
    assert found.restored is not None
    assert found.original + found.restored == pytest.approx(1, abs=0.01)
    # Of each image, the patches against the average over all images.
    for row, score in zip(findings.rows(), logits, strict=True):
        assert row["realism_compressed"] == pytest.approx(expit(score[:, 2] - average[1]).mean(), rel=1e-5)


def test_without_a_discriminator_there_is_no_realism() -> None:
    measures = Measures(Suite({}), VGGFeatures(["conv1_2"], "random"), {"conv1_2": 1.0})
    findings = make_findings(measures, PICTURES[2:])
    assert findings.realism() is None
    assert findings.metrics() == {}
    assert findings.speed("32") is None
    assert list(findings.triangles()) == ["features"]
    assert "realism_original" not in findings.rows()[0]


def test_disparity_of_all_patches(findings: Findings) -> None:
    found = findings.disparity()
    assert [found[name].patches for name in ("pixels", "features")] == [4, 4]
    pixels = findings.disparities["pixels"]
    image = PICTURES[0]
    expected = [np.abs(image[0][:128, :128].astype(float) - image[k][:128, :128]).mean() / 255 for k in (2, 1)]
    assert [pixels.original[0], pixels.restored[0]] == pytest.approx(expected, rel=1e-5)
    assert found["pixels"].slope == pytest.approx(np.polyfit(*pixels, 1)[0])
    rows = findings.disparity_rows()
    assert [(row["name"], row["patch"]) for row in rows] == [("0", 0), ("1", 0), ("1", 1), ("2", 0)]
    assert [row["pixels_restored"] for row in rows] == pixels.restored.tolist()
    features = findings.disparities["features"]
    assert [row["features_original"] for row in rows] == features.original.tolist()
    triangle = findings.measurements[2].values["triangle/features"]
    assert [features.restored[3], features.original[3]] == pytest.approx(triangle[:2].tolist(), rel=1e-6)


@pytest.mark.parametrize(("copied", "deviation"), [(2, 100), (0, -100)])
def test_what_equals_an_end_of_the_triangle(copied: int, deviation: float) -> None:
    """Restored as originals: +100 % by every distance; as compressed: -100 %."""
    findings = make_findings(make_measures(), [[p[0], p[copied], p[2]] for p in PICTURES])
    for triangle in findings.triangles().values():
        assert triangle.deviation == pytest.approx(deviation, abs=1e-3)
        assert triangle.holds
        if triangle.deviation_interval:
            assert triangle.deviation_interval == pytest.approx((deviation, deviation), abs=1e-3)
    psnr = findings.metrics()["psnr"]
    if copied == 2:
        assert psnr.restored == math.inf
        assert psnr.gain_interval is None
    else:
        assert psnr.restored == psnr.compressed
        assert psnr.gain_interval == (0, 0)


def test_rows_of_the_table(findings: Findings) -> None:
    rows = findings.rows()
    assert [row["name"] for row in rows] == ["0", "1", "2"]
    names = [f"{metric}_{side}" for metric in ("psnr", "lpips") for side in ("compressed", "restored")]
    names += [f"realism_{state}" for state in ("original", "restored", "compressed")]
    assert list(rows[0]) == ["name", "height", "width", "bits_per_pixel", *names]
    for row, scores in zip(rows, findings.patch_realism, strict=True):
        assert row["realism_restored"] == pytest.approx(scores.restored.mean().item())
    assert (rows[1]["height"], rows[1]["width"], rows[1]["bits_per_pixel"]) == (130, 300, 2000 / 39000)
    restored = [value for row in rows if isinstance(value := row["psnr_restored"], float)]
    assert len(restored) == len(rows)
    assert np.mean(restored) == pytest.approx(findings.metrics()["psnr"].restored)


@pytest.fixture(scope="module")
def with_small() -> Findings:
    measures = Measures(
        Suite({"psnr": PSNR(), "lpips": Choosy(), "fid": ChoosyColours()}), VGGFeatures(list(LAYERS), "random"), LAYERS
    )
    sizes = [(60, 70), (8, 9), (40, 50), (1, 3)]
    return make_findings(
        measures, [[picture(3 * n + state, *size) for state in range(3)] for n, size in enumerate(sizes)]
    )


def test_images_that_a_metric_cannot_take_have_empty_cells(with_small: Findings) -> None:
    rows = with_small.rows()
    assert [row["lpips_restored"] is None for row in rows] == [False, True, False, True]
    assert all(row["psnr_restored"] is not None for row in rows)
    found = with_small.metrics()
    assert found["psnr"].images is None
    values = [float(row["lpips_restored"] or 0) for row in rows]
    assert found["lpips"].restored == pytest.approx((values[0] + values[2]) / 2)
    assert found["lpips"].images == found["fid"].images == 2
    assert found["lpips"].unmeasured == {
        "1": "9 x 8 pixels, less than the 11 that lpips needs",
        "3": "3 x 1 pixels, less than the 11 that lpips needs",
    }
    assert found["lpips"].gain_interval
    assert found["fid"].vectors == 2
    assert list(with_small.triangles()) == ["features", "lpips", "fid"]


def test_where_no_image_is_large_enough_there_is_no_number(with_small: Findings) -> None:
    small = [1, 3]
    findings = Findings(
        [with_small.entries[n] for n in small],
        [with_small.names[n] for n in small],
        [with_small.measurements[n] for n in small],
        with_small.measures,
    )
    found = findings.metrics()
    assert all(math.isnan(found[name].restored or 0) for name in ("lpips", "fid"))
    assert found["lpips"].images == 0
    assert list(findings.triangles()) == ["features"]


def test_speed_is_that_of_all_images(findings: Findings) -> None:
    timed = [
        Measurement({**one.values, "seconds": torch.tensor(0.5, dtype=torch.float64)}, {"device": f"card {n // 2}"})
        for n, one in enumerate(findings.measurements)
    ]
    speed = Findings(findings.entries, findings.names, timed, findings.measures).speed("bf16")
    pixels = sum(height * width for height, width in SIZES)
    assert speed == Speed(1.5, pixels / 1.5e6, "card 0, card 1", "bf16")


def test_values_depend_on_what_measures() -> None:
    identities = {make_measures().identity, make_measures(relativistic=True).identity}
    measures = make_measures()
    measures.layers["conv1_2"] = 0.6
    identities.add(measures.identity)
    measures = make_measures()
    measures.patches = 3
    identities.add(measures.identity)
    measures.suite = Suite({"psnr": PSNR()})
    identities.add(measures.identity)
    assert len(identities) == 5
    assert make_measures().identity in identities
