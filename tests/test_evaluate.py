import csv
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor, nn

from biasgan import enhance, evaluate
from biasgan.analysis.patches import patch_grid
from biasgan.cli.evaluated import with_options_of_run
from biasgan.cli.options import quoted
from biasgan.codecs.jpeg import JPEG
from biasgan.evaluation.kept import Measurement
from biasgan.io.checksums import sha256_of_file
from biasgan.io.images import read_image, to_tensor, write_png
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.runs.weights import load_generator, read_config, write_weights
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.step import Step

from .conftest import MISSING, TINY, Command, Done, Finished, tiny

ROOT = Path(__file__).parents[1]
FEATURES = ("features.layers={conv1_2:1.0}", "features.weights=random")
QUICK = ("accelerator=cpu", "pictures=1")
STATES = ("compressed", "restored", "original")


@pytest.fixture
def evaluation(command: Command) -> Command:
    """Runs the evaluating command in an empty folder, with a cache of its own in it."""
    return partial(command, main=evaluate.main)


@pytest.fixture
def run(finished: Finished, tmp_path: Path) -> Path:
    """A tiny run that may be changed: JPEG of quality 20, three validation images."""
    return shutil.copytree(finished.folder, tmp_path / "run")


def of(pictures: Path) -> tuple[str, ...]:
    """Options for all six pictures, quickly."""
    return ("data=images", f"data.root={pictures}", *FEATURES, *QUICK)


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "evaluation.json").read_text())


def psnr_of_jpeg(file: Path, quality: int) -> float:
    original = read_image(file)
    return peak_signal_noise_ratio(original, JPEG().encode(original, quality).image)


def ended_well(done: Done) -> Done:
    assert done.status == 0, done.err
    return done


def test_a_run_is_evaluated_on_its_own_set(evaluation: Command, run: Path, pictures: Path, tmp_path: Path) -> None:
    done = ended_well(evaluation(f"run={run}", *QUICK))
    result, summary = read(run), json.loads((run / "summary.json").read_text())
    assert result["format"] == 1
    assert result["subject"] == {
        "kind": "run",
        "name": f"{tmp_path.name}/run",
        "path": str(run),
        "sha256": sha256_of_file(run / "generator.safetensors"),
    }
    assert result["chosen"] == {name: summary[name] for name in ("baseline", "method", "codec", "data", "scale")}
    assert result["training"] == summary
    assert (result["codec"], result["quality"], result["codec_identity"]) == ("jpeg", 20, summary["codec_identity"])
    assert result["set"] == {"name": pictures.name, "images": 3, "fingerprint": result["set"]["fingerprint"]}
    for name in ("psnr", "ssim"):
        for side in ("compressed", "restored"):
            assert result["metrics"][name][side] == pytest.approx(summary[side][name], rel=1e-5)
    valid = [pictures / f"{number}.png" for number in (1, 3, 5)]
    psnr = [psnr_of_jpeg(file, 20) for file in valid]
    assert result["metrics"]["psnr"]["compressed"] == pytest.approx(np.mean(psnr), rel=1e-5)
    low, high = result["metrics"]["psnr"]["compressed_interval"]
    assert min(psnr) - 1e-4 <= low < np.mean(psnr) < high <= max(psnr) + 1e-4
    assert result["bits_per_pixel"]["mean"] == pytest.approx(summary["compressed"]["bits_per_pixel"])
    assert result["protocols"]["psnr"]["unit"] == "dB"
    assert result["features"] == {"weights": "random", "layers": {"conv1_2": 1.0}, "patches": 16}
    assert list(result["triangles"]) == ["features"]
    assert (result["realism"]["kind"], result["realism"]["conditional"]) == ("plain", True)
    assert result["disparity"]["pixels"]["patches"] == 3
    assert result["network"]["parameters"] == summary["generator_parameters"]
    assert result["speed"]["megapixels_per_second"] == pytest.approx(3 * 56 * 48 / 1e6 / result["speed"]["seconds"])
    assert result["command"] == f"biasgan evaluate {' '.join(f'{k}={v}' for k, v in result['options'].items())}"
    assert result["versions"]["torch"] == torch.__version__.partition("+")[0]

    with (run / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["1", "3", "5"]
    assert [float(row["psnr_compressed"]) for row in rows] == pytest.approx(psnr, rel=1e-5)
    for state in ("original", *STATES[:2]):
        mean = np.mean([float(row[f"realism_{state}"]) for row in rows])
        assert result["realism"][state] == pytest.approx(mean, rel=1e-5)
    with (run / "disparity.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["1", "3", "5"]
    (shown,) = result["pictures"]
    assert min(read_image(run / shown["realism"]).shape[:2]) > 100
    images = {state: read_image(run / shown[state]) for state in STATES}
    assert np.array_equal(images["original"], read_image(valid[0]))
    assert np.array_equal(images["compressed"], JPEG().encode(read_image(valid[0]), 20).image)
    assert np.array_equal(images["restored"], read_image(run / "restored" / "1.png"))
    assert float(rows[0]["psnr_restored"]) == pytest.approx(
        peak_signal_noise_ratio(images["original"], images["restored"]), rel=1e-5
    )

    assert f"Evaluating the run {run} on the validation images of {pictures.name}, into {run}" in done.err
    assert f"{result['metrics']['psnr']['compressed']:.4g}" in done.out
    assert "VGG-19 with random weights" in done.out
    assert str(run / "evaluation.json") in done.out
    # No images to train with were compressed.
    assert len(list((tmp_path / "cache" / "pairs").glob("jpeg-*/20/*.json"))) == 3


def test_what_is_given_replaces_what_the_run_had(evaluation: Command, run: Path, pictures: Path) -> None:
    ended_well(evaluation(f"run={run}", *QUICK, "qf=50"))
    other = run / f"{pictures.name}-jpeg-50"
    psnr = [psnr_of_jpeg(pictures / f"{number}.png", 50) for number in (1, 3, 5)]
    assert read(other)["metrics"]["psnr"]["compressed"] == pytest.approx(np.mean(psnr), rel=1e-5)
    ended_well(evaluation(f"run={run}", *of(pictures), "codec=webp", "qf=60", "out=some where"))
    result = read(Path("some where"))
    assert (result["codec"], result["quality"], result["set"]["images"]) == ("webp", 60, 6)
    assert not (run / "evaluation.json").exists()


def test_a_second_evaluation_takes_what_is_there(evaluation: Command, run: Path) -> None:
    ended_well(evaluation(f"run={run}", *QUICK))
    first = read(run)
    kept = [*(run / "measured").iterdir(), *(run / "restored").iterdir()]
    times = {file: file.stat().st_mtime_ns for file in kept}
    (run / "measured" / "3.safetensors").write_bytes(b"damaged")
    (run / "restored" / "5.png").unlink()
    ended_well(evaluation(f"run={run}", *QUICK))
    second = read(run)
    changed = {file.name for file in kept if file.stat().st_mtime_ns != times[file]}
    assert changed == {"3.safetensors", "5.png"}
    del first["date"], second["date"]
    assert second == first


def test_other_features_are_measured_anew(evaluation: Command, run: Path) -> None:
    ended_well(evaluation(f"run={run}", *QUICK))
    first = read(run)
    times = [file.stat().st_mtime_ns for file in (run / "restored").iterdir()]
    ended_well(evaluation(f"run={run}", *QUICK, "features.layers={conv2_1:1.0}"))
    second = read(run)
    assert second["triangles"] != first["triangles"]
    assert second["metrics"] == first["metrics"]
    assert times == [file.stat().st_mtime_ns for file in (run / "restored").iterdir()]


def test_an_interrupted_evaluation_goes_on(
    evaluation: Command, run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_well(evaluation(f"run={run}", *of(pictures), "out=whole"))
    write = Measurement.write

    def interrupted(self: Measurement, path: Path) -> None:
        if path.stem == "2":
            raise KeyboardInterrupt
        write(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(Measurement, "write", interrupted)
        done = evaluation(f"run={run}", *of(pictures), "out=parts")
    assert (done.status, done.err.splitlines()[-1]) == (130, "stopped")
    kept = sorted(file.name for file in (tmp_path / "parts").rglob("*.*") if file.is_file())
    assert kept == ["0.png", "0.safetensors", "1.png", "1.safetensors", "2.png"]
    times = [(tmp_path / "parts" / "measured" / f"{n}.safetensors").stat().st_mtime_ns for n in (0, 1)]
    ended_well(evaluation(f"run={run}", *of(pictures), "out=parts"))
    assert times == [(tmp_path / "parts" / "measured" / f"{n}.safetensors").stat().st_mtime_ns for n in (0, 1)]
    one, two = read(Path("whole")), read(Path("parts"))
    for name in ("metrics", "triangles", "realism", "disparity", "set", "bits_per_pixel"):
        assert one[name] == two[name]


def test_restored_images_at_both_ends(evaluation: Command, pictures: Path, tmp_path: Path) -> None:
    """The originals themselves deviate by +100 %, the compressed images by -100 %."""
    for name in ("perfect", "idle"):
        (tmp_path / name).mkdir()
    for file in pictures.iterdir():
        shutil.copy(file, tmp_path / "perfect")
        write_png(tmp_path / "idle" / file.name, JPEG().encode(read_image(file), 30).image)
    found: dict[str, dict[str, Any]] = {}
    for name in ("perfect", "idle"):
        ended_well(evaluation(f"restored={name}", *of(pictures), "qf=30"))
        found[name] = read(Path("evaluations", f"{name}-{pictures.name}-jpeg-30"))
        path = str(tmp_path / name)
        assert found[name]["subject"] == {"kind": "restored", "name": name, "path": path, "sha256": None}
    ended_well(evaluation(*of(pictures), "qf=30"))
    alone = read(Path("evaluations", f"compressed-{pictures.name}-jpeg-30"))
    assert alone["subject"] == {"kind": "compressed", "name": "compressed", "path": "", "sha256": None}
    for result, deviation in ((found["perfect"], 100), (found["idle"], -100), (alone, -100)):
        assert result["triangles"]["features"]["deviation"] == pytest.approx(deviation)
        assert (result["realism"], result["network"], result["speed"]) == (None, None, None)
        assert result["training"] == {}
        assert set(result["chosen"].values()) == {None}
    assert found["perfect"]["metrics"]["psnr"]["restored"] is None
    assert found["perfect"]["metrics"]["ssim"]["restored"] == pytest.approx(1)
    assert found["perfect"]["disparity"]["pixels"]["slope"] == pytest.approx(1)
    assert found["idle"]["metrics"] == alone["metrics"]
    assert alone["metrics"]["psnr"]["gain_interval"] == [0, 0]
    fingerprints = {result["set"]["fingerprint"] for result in (alone, *found.values())}
    assert len(fingerprints) == 1
    ended_well(evaluation(*of(pictures), "qf=31"))
    assert read(Path("evaluations", f"compressed-{pictures.name}-jpeg-31"))["set"]["fingerprint"] not in fingerprints


def test_a_folder_that_cannot_be_written_is_said_at_once(evaluation: Command, pictures: Path, tmp_path: Path) -> None:
    Path("file").touch()
    done = evaluation(*of(pictures), "out=file/deep")
    file = tmp_path / "file"
    assert done == (1, "", f"\nerror: {file / 'deep'} cannot be written to: {file}: it is no folder.\n")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("beside", [False, True])
def test_what_enhance_writes_is_found_by_folders(evaluation: Command, tmp_path: Path, beside: bool) -> None:
    random = np.random.default_rng(3)
    for number, name in enumerate(("day/1.png", "night/1.png", "night/2.bmp", "night/2.png", "odd/1.png")):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (8, 8 + number, 3), dtype=np.uint8) if name.startswith("odd") else None
        coarse = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(coarse if pixels is None else pixels).save(tmp_path / "set" / name)
    out = [] if beside else ["-o", "r"]
    assert evaluation("set", *out, main=enhance.main).status == 0
    restored = "set" if beside else "r"
    options = ("data=images", "data.root=set", *FEATURES, *QUICK, "out=found")
    done = ended_well(evaluation(f"restored={restored}", *options))
    with Path("found/evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["day-1", "night-1", "night-2-bmp", "night-2-png", "odd-1"]
    assert [row["ssim_restored"] == "" for row in rows] == [False] * 4 + [True]
    assert "ssim is that of 4 images: odd-1 has 12 x 8 pixels, less than the 11 that ssim needs." in done.out
    assert len(list(Path("found", "pictures").glob("day-1-*.png"))) == 4
    metrics = read(Path("found"))["metrics"]
    assert metrics["ssim"]["images"] == 4
    assert metrics["psnr"]["restored"] != metrics["psnr"]["compressed"]


def test_the_bundled_model_brings_its_discriminator(evaluation: Command) -> None:
    ended_well(evaluation("model=bundled", "qf=10", "metrics=[fast,sets]", *FEATURES, *QUICK))
    result = read(Path("evaluations", "bundled-sample-jpeg-10"))
    assert result["subject"]["kind"] == "weights"
    assert result["subject"]["sha256"] == sha256_of_file(ROOT / "biasgan" / "bundled" / "generator.safetensors")
    assert result["metrics"]["psnr"]["restored"] > result["metrics"]["psnr"]["compressed"]
    assert result["realism"]["conditional"]
    assert set(result["unavailable"]) == {"fid", "kid", "patch_fid"}
    assert result["network"]["parameters"] == 299_523


class Reversed(Mitigation):
    """Shows as many channels as the paper's conditional discriminator, in another order."""

    extra_channels = 3

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        return torch.cat([image, step.compressed], 1)


class Salience(Mitigation):
    """Shows where the compressed image has strong features."""

    extra_channels = 1

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        return torch.cat([step.compressed_features["conv1_2"].mean(1, keepdim=True), image], 1)


def with_mitigations(run: Path, *mitigations: str) -> nn.Module:
    """Make it a run of a discriminator with one layer and of some mitigations; returns the discriminator."""
    config = read_config(run / "discriminator.safetensors")
    config["callbacks"] = {name: {"_target_": name} for name in mitigations}
    channels = 3 + sum(name.endswith("Salience") + 3 * name.endswith("Reversed") for name in mitigations)
    node = {"_target_": "torch.nn.Conv2d", "in_channels": channels, "out_channels": 1, "kernel_size": 5}
    discriminator = instantiate(node)
    write_weights(discriminator, {**config, "discriminator": node}, run / "discriminator.safetensors")
    return discriminator


@torch.no_grad()
def realism_by_hand(run: Path, discriminator: nn.Module, mitigations: list[Mitigation], pictures: Path) -> list[float]:
    """Mean score of originals, restored and compressed images, of which each is one patch."""
    features = VGGFeatures(["conv1_2"], "random")
    scores: list[list[float]] = []
    for number in (1, 3, 5):
        original = read_image(pictures / f"{number}.png")
        images = [original, read_image(run / "restored" / f"{number}.png"), JPEG().encode(original, 20).image]
        original, restored, compressed = (patch_grid(to_tensor(image)[None], 128) for image in images)
        step = Step(compressed, original, restored, features)
        scores.append([])
        for shown in (original, restored, compressed):
            for mitigation in mitigations:
                shown = mitigation.discriminator_input(shown, step)
            scores[-1].append(discriminator(shown).sigmoid().mean().item())
    return np.mean(scores, axis=0).tolist()


@pytest.mark.parametrize("names", [["Reversed"], ["Salience", "Reversed"]])
def test_the_discriminator_is_shown_what_the_mitigations_of_its_training_showed_it(
    evaluation: Command, run: Path, pictures: Path, names: list[str]
) -> None:
    discriminator = with_mitigations(run, *(f"{__name__}.{name}" for name in names))
    done = evaluation(f"run={run}", *QUICK, "features.layers={conv2_1:1.0}")
    assert done.status == int("Salience" in names)
    if done.status:
        assert (
            "shown something of features, which were random conv1_2 in its training and are random conv2_1" in done.err
        )
        ended_well(evaluation(f"run={run}", *QUICK))
    found = read(run)["realism"]
    assert not found["conditional"]
    mitigations = [{"Reversed": Reversed, "Salience": Salience}[name]() for name in names]
    expected = realism_by_hand(run, discriminator, mitigations, pictures)
    assert [found[state] for state in ("original", "restored", "compressed")] == pytest.approx(expected, abs=1e-5)


def test_mitigations_that_are_not_here_are_named(evaluation: Command, run: Path) -> None:
    with_mitigations(run, "mine.Reversed")
    done = evaluation(f"run={run}", *QUICK)
    assert done.status == 1
    assert "has a callback made by mine.Reversed, and there is no such class here" in done.err


def test_a_discriminator_for_patches_of_one_size_judges_these(evaluation: Command, run: Path) -> None:
    file = run / "discriminator.safetensors"
    config = read_config(file)
    node = {"_target_": "biasgan.networks.vgg_discriminator.VGGDiscriminator", "in_channels": 6, "channels": 4}
    node |= {"size": 64}
    write_weights(instantiate(node), {**config, "discriminator": node, "patch_size": 64}, file)
    generator = run / "generator.safetensors"
    write_weights(load_generator(generator), {**read_config(generator), "patch_size": 64}, generator)
    ended_well(evaluation(f"run={run}", *QUICK))
    assert read(run)["realism"]["patch_size"] == 64


def test_given_pairs_have_no_codec(evaluation: Command, run: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "coded").mkdir()
    for file in pictures.iterdir():
        write_png(tmp_path / "coded" / file.name, JPEG().encode(read_image(file), 7).image)
    options = ("data=pairs", f"original={pictures}", "compressed=coded", *QUICK)
    ended_well(evaluation(f"run={run}", *options))
    result = read(run / f"{pictures.name}-given-given")
    assert (result["codec"], result["quality"], result["set"]["images"]) == ("given", "given", 1)
    assert result["metrics"]["psnr"]["compressed"] == pytest.approx(psnr_of_jpeg(pictures / "5.png", 7), rel=1e-5)
    assert result["metrics"]["psnr"]["compressed_interval"] is None


@pytest.mark.skipif(bool(MISSING["streaming"]), reason="pip install 'biasgan[streaming]'")
def test_a_streamed_set_says_its_codec(
    evaluation: Command, preparation: Command, pictures: Path, tmp_path: Path
) -> None:
    ended_well(preparation("data=folder", f"data.root={pictures}", "data.valid_every=2", "qf=20", "to=chunks"))
    ended_well(evaluation("data=streaming", "data.root=chunks", *FEATURES, *QUICK))
    result = read(Path("evaluations", "compressed-chunks-jpeg-given"))
    assert (result["codec"], result["quality"], result["set"]["images"]) == ("jpeg", 20, 3)
    psnr = [psnr_of_jpeg(pictures / f"{number}.png", 20) for number in (1, 3, 5)]
    assert result["metrics"]["psnr"]["compressed"] == pytest.approx(np.mean(psnr), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("run={run} model=bundled", "run=, model= and restored= exclude each other; got run=.* and model=bundled"),
        ("run={run}/generator.safetensors", r"is no folder; expected that of a run\. .* by model=FILE"),
        ("run=nowhere", "nowhere: expected a run folder"),
        ("model=nowhere", "nowhere: expected a run folder .* there is no such file or folder"),
        ("restored=nowhere", "nowhere is not a folder"),
        ("restored={pictures} data=sample", "lacks 2 of 2 images: chelsea, coffee"),
        ("patches=0", "patches must be a whole number, at least 1; got 0"),
        ("pictures=some", "pictures must be a whole number, at least 0; got 'some'"),
        ("run={run} data=images", "data.root has no value"),
        ("run={run} codec=none", "codec=none is for data=pairs"),
        ("run={run} quality=101", "101"),
        ("run={run},another", "names several runs; add -m to evaluate each on its own"),
        ("run={run} precision=64", "precision=64: expected auto, 32 or bf16"),
    ],
)
def test_wrong_options_are_explained(evaluation: Command, run: Path, pictures: Path, options: str, error: str) -> None:
    done = evaluation(*options.format(run=run, pictures=pictures).split(), "accelerator=cpu", *FEATURES)
    assert done.status == 1
    message = done.err[done.err.index("error: ") :]
    assert re.search(error, message), message
    assert not list(run.rglob("evaluation.json"))


def test_options_of_the_run_give_way(run: Path, pictures: Path) -> None:
    own = [f"data.root={pictures}", "data.valid_every=2", "pairs.workers=0"]
    own.sort(key=[*TINY, f"data.root={pictures}"].index)
    first = f"run={run}"
    cases = {
        (): ["data=folder", "codec=jpeg", "quality=20", *own],
        ("qf=50",): ["data=folder", "codec=jpeg", *own],
        ("codec=bpg", "qp=37"): ["data=folder", *own],
        ("codec=webp",): ["data=folder", *own],
        ("data.valid_every=3",): ["data=folder", "codec=jpeg", "quality=20", *(o for o in own if "valid" not in o)],
        ("data=sample",): ["codec=jpeg", "quality=20"],
        ("data=pairs",): [],
    }
    for given, taken in cases.items():
        assert with_options_of_run([first, *given]) == [*taken, first, *given]
        again = with_options_of_run([*taken, first, *given])
        assert again == [*taken, first, *given]
    assert with_options_of_run(["model=bundled"]) == ["model=bundled"]


def test_several_runs_each_on_its_own_set(evaluation: Command, run: Path, pictures: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "another, isn't it")
    done = ended_well(evaluation("-m", f"run={run},{quoted(other)}", "qf=20,50", *QUICK))
    assert done.err.count("Evaluating the run") == 4
    for folder in (run, other):
        assert [read(place)["quality"] for place in (folder, *folder.glob("*-jpeg-50"))] == [20, 50]
        assert read(folder)["set"]["images"] == 3
    assert read(run)["metrics"] == read(other)["metrics"]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")
def test_two_processes_count_each_image_once(evaluation: Command, pictures: Path, tmp_path: Path) -> None:
    five = tmp_path / "five"
    shutil.copytree(pictures, five)
    (five / "0.png").unlink()
    options = ("model=bundled", "qf=10", *of(five), "metrics=fast")
    done = subprocess.run(
        [sys.executable, "-m", "biasgan.evaluate", *options, "devices=2", "out=two"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ended_well(evaluation(*options, "out=one"))
    one, two = read(Path("one")), read(Path("two"))
    assert two["set"]["images"] == 5
    for name in ("metrics", "triangles", "realism", "disparity", "set", "bits_per_pixel", "pictures", "network"):
        assert one[name] == two[name], name
    assert done.stdout.count("bits per pixel") == 1
    assert done.stderr.count("Evaluating the weights") == 1
    files = [{str(f.relative_to(folder)) for f in folder.rglob("*")} for folder in (tmp_path / "one", tmp_path / "two")]
    assert files[0] == files[1]


def test_an_evaluation_is_logged_to_the_wandb_run_of_the_training(
    command: Command, evaluation: Command, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "wandb_id").write_text("of another training in this folder")
    ended_well(command(*tiny(pictures, "logger=wandb", "hydra.run.dir=run")))
    (training,) = (tmp_path / "run" / "wandb").glob("offline-run-*")
    moved = tmp_path / "moved"
    (tmp_path / "run").rename(moved)
    ended_well(evaluation(f"run={moved}", *QUICK))
    folders = sorted((moved / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    assert {folder.name.rpartition("-")[2] for folder in folders} == {(moved / "wandb_id").read_text().strip()}
    (evaluated,) = (folder for folder in folders if folder.name != training.name)
    media = {file.suffix: file for file in (evaluated / "files" / "media").rglob("*.*")}
    assert len(json.loads(media[".json"].read_text())["data"]) == 3
    stored = [read_image(file) for file in (evaluated / "files" / "media" / "images").rglob("*.png")]
    residual = read_image(moved / read(moved)["pictures"][0]["residual"])
    assert any(np.array_equal(image, residual) for image in stored)
