import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest
import torch
import yaml
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from biasgan.cli.config import CONF
from biasgan.cli.options import with_options_of_resumed
from biasgan.runs.environment import environment
from biasgan.runs.log import read_log

from .conftest import Command, Done, Finished, files_of_at_most, tiny

ROOT = Path(__file__).parents[1]


def assert_plain_error(done: Done) -> None:
    """One message, no traceback, exit status 1."""
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert "Traceback" not in done.err + done.out
    assert "Error executing job" not in done.err + done.out


def results_in(folder: Path) -> set[str]:
    """Names of what only a training that went well leaves."""
    names = ("*.ckpt", "*.safetensors", "summary.json", ".partial-*")
    return {file.name for name in names for file in folder.rglob(name)}


def summary_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "summary.json").read_text())


def test_a_run_leaves_these_files(finished: Finished) -> None:
    files = {str(f.relative_to(finished.folder)) for f in finished.folder.rglob("*") if f.is_file()}
    assert {name for name in files if not name.startswith(".hydra")} == {
        *(".lock", "config.yaml", "log.csv", "throughput.csv", "curves.png", "preview.png", "summary.json"),
        *("checkpoints/last.ckpt", "checkpoints/best.ckpt", "generator.safetensors", "discriminator.safetensors"),
    }


def test_the_configuration_that_a_run_leaves_is_resolved(finished: Finished) -> None:
    text = (finished.folder / "config.yaml").read_text()
    config = yaml.safe_load(text)
    assert "${" not in text
    assert config["pairs"]["quality"] == config["quality"] == 20
    assert config["chosen"] == {
        "baseline": "realesrgan", "method": "full", "codec": "jpeg", "data": "folder", "scale": "demo",
    }  # fmt: skip
    assert "iterations=4" in config["options"]
    for name in ("generator", "discriminator"):
        with safe_open(finished.folder / f"{name}.safetensors", framework="pt") as file:
            assert json.loads(file.metadata()["config"]) == config
    for name in ("last", "best"):
        assert torch.load(finished.folder / f"checkpoints/{name}.ckpt")["config"] == config


def test_pictures_of_a_run_can_be_read(finished: Finished) -> None:
    for name in ("curves", "preview"):
        with Image.open(finished.folder / f"{name}.png") as picture:
            picture.load()
            assert min(picture.size) > 100


def test_the_log_of_a_run(finished: Finished) -> None:
    rows = read_log(finished.folder / "log.csv")
    assert [row["iteration"] for row in rows if "valid/psnr" in row] == [2, 4]
    (terms,) = (row for row in rows if "generator/pixel" in row)
    assert terms["iteration"] == 4
    assert {"generator/perceptual", "generator/divergence", "discriminator/original"} <= terms.keys()


def test_the_summary_of_a_run(finished: Finished) -> None:
    summary = summary_of(finished.folder)
    last: dict[str, float] = {}
    for row in read_log(finished.folder / "log.csv"):
        last.update(row)
    chosen = ("baseline", "method", "codec", "data", "scale", "quality", "seed", "iterations", "features")
    assert [summary[name] for name in chosen] == ["realesrgan", "full", "jpeg", "folder", "demo", 20, 0, 4, "random"]
    assert summary["training_images"] == summary["validation_images"] == 3
    weights = load_file(finished.folder / "generator.safetensors")
    assert summary["generator_parameters"] == sum(tensor.numel() for tensor in weights.values())
    assert summary["restored"] == {name: pytest.approx(last[f"valid/{name}"]) for name in ("psnr", "ssim")}
    records = [json.loads(file.read_text()) for file in finished.cache.glob("pairs/jpeg-*/20/*.json")]
    valid = [record for record in records if record["source"] in ("1.png", "3.png", "5.png")]
    assert summary["compressed"] == {
        "psnr": pytest.approx(last["valid/compressed_psnr"]),
        "ssim": pytest.approx(last["valid/compressed_ssim"]),
        "bits_per_pixel": pytest.approx(sum(record["bits"] for record in valid) / (3 * 56 * 48)),
    }
    candidates = ("original", "restored", "compressed")
    assert summary["realism"] == {name: pytest.approx(last[f"bias/realism_{name}"]) for name in candidates}
    assert summary["deviation"] == pytest.approx(last["bias/deviation"])
    assert isinstance(summary["seconds"], float)


def test_the_summary_says_what_a_run_was_made_with(finished: Finished) -> None:
    summary = summary_of(finished.folder)
    assert {name: summary[name] for name in environment()} == environment()
    assert re.fullmatch("[0-9a-f]{64}", str(summary["data_fingerprint"]))


def test_exported_generator_is_the_average(finished: Finished) -> None:
    checkpoint = torch.load(finished.folder / "checkpoints" / "last.ckpt")
    weights = load_file(finished.folder / "generator.safetensors")
    trained = {name: tensor for name, tensor in checkpoint["state_dict"].items() if name.startswith("generator.")}
    assert all(torch.equal(weights[name], average) for name, average in checkpoint["callbacks"]["EMA"].items())
    assert any(not torch.equal(weights[name.removeprefix("generator.")], tensor) for name, tensor in trained.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("basline=arcnn", "Could not override 'basline'"),
        ("generator.width=8", "Could not override 'generator.width'"),
        ("baseline=srgan", "arcnn\n +cbdnet\n +compact\n"),
        ("logger=nonsense", "csv\n +none\n +tensorboard"),
        ("qf=0", r"from 1 to 100 .* got 0\. Set qf=20"),
        ("qf=101", r"from 1 to 100 .* got 101\."),
        ("qf=abc", r"whole number from 1 to 100 .* got 'abc'"),
        ("seed=-1", "seed must be a whole number from 0 .* got -1"),
        ("iterations=0", "iterations must be a whole number from 1 .* got 0"),
        ("iterations=2.5", "iterations must be a whole number .* got 2.5"),
        ("batch_size=0", "batch_size must be a whole number from 1"),
        ("validate_every=0", "validate_every must be"),
        ("checkpoint_every=0", "checkpoint_every must be"),
        ("accumulate=0", "accumulate must be"),
        ("accumulate=3", "A batch of 2 cannot be cut into accumulate=3 equal parts"),
        ("metrics=sets", r"best.metric=psnr (cannot be measured|is none of the metrics)"),
        ("best.metric=ssim_z", "is none of the metrics that the validation has, psnr, psnr_b, psnr_y, ssim, ssim_y"),
        ("method=vanilla discriminator.in_channels=6", "The discriminator is shown 3 channels"),
        (
            "+callbacks.e._target_=lightning.pytorch.callbacks.EarlyStopping +callbacks.e.monitor=valid/nothing",
            "EarlyStopping monitors valid/nothing, which the first validation will not have; it has valid/psnr",
        ),
        ("training.optimizer.betas=[0.9,2]", r"training\.optimizer cannot be made: .* 2"),
        ("~callbacks.checkpoints", "Without callbacks.checkpoints a training leaves nothing"),
        ("callbacks.checkpoints.folder=x", "callbacks.checkpoints.folder cannot be changed"),
        ("pretrain_iterations=5", "0 ≤ pretrain_iterations ≤ iterations"),
        ("trainer.max_steps=5", "from 1 to 4; got 5. For a longer training set iterations"),
        ("patch_size=60", "UNetDiscriminator needs a multiple of 8; set patch_size=64"),
        ("patch_size=4", "UNetDiscriminator needs a multiple of 8; set patch_size=8"),
        ("patch_size=8 +features.layers.conv5_4=1.0", "VGGFeatures needs at least 16; set patch_size=16"),
        ("baseline=esrgan", "64, 128, 256 or 512 pixels, got size=32"),
        ("trainer.precision=16-mixed", "Use trainer.precision=bf16-mixed, or 32-true"),
        ("data.root=missing", "missing is not a folder"),
        ("+data.download=true", "A training does not download. Run biasgan prepare"),
        ("data.root=.", "has no images in it"),
        ("data.root=???", r"\?\?\? is not a folder; expected one with images in it"),
        ("pairs.bad_images=maybe", "bad_images must be stop or skip; got maybe"),
        ("features.weights=vgg.pth", "vgg.pth; give the path of one, or 'imagenet', 'random' or 'auto'"),
        ("resume=missing", "resume=missing: missing does not exist. Give the folder of a run"),
        ("resume=.", "last.ckpt does not exist"),
        ("init_from=missing", "there is no such file or folder"),
        ("init_from=.", "this folder has neither"),
        ("hydra.run.dir=file/run", "Not a directory"),
    ],
)
def test_bad_options_end_in_one_message_before_any_pair_is_made(
    command: Command, pictures: Path, tmp_path: Path, arguments: str, message: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "outputs").mkdir()
    done = command(*tiny(pictures, *arguments.split()))
    assert_plain_error(done)
    assert re.search(message, done.err), done.err
    assert not results_in(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_without_imagenet_weights_the_paper_scale_says_how_to_fetch_them(
    command: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    done = command("scale=paper", "generator=compact", "data=folder", f"data.root={pictures}")
    assert_plain_error(done)
    assert "biasgan weights fetch vgg19" in done.err
    assert not (tmp_path / "cache").exists()


def test_a_mitigation_without_an_adversary_says_how_to_get_one(
    command: Command, pictures: Path, tmp_path: Path
) -> None:
    done = command("baseline=arcnn", "method=full", "data=folder", f"data.root={pictures}", "features.weights=random")
    assert_plain_error(done)
    assert "baseline=realesrgan generator=arcnn method=full" in done.err
    assert not (tmp_path / "cache").exists()


def test_without_a_gpu_the_choices_are_named(command: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    done = command(*tiny(pictures, "trainer=gpu"))
    assert_plain_error(done)
    assert "trainer=cpu, or trainer=auto" in done.err


@pytest.fixture
def spoilt(pictures: Path, tmp_path: Path) -> Path:
    """The pictures, and a truncated, an unreadable and a small one."""
    folder = shutil.copytree(pictures, tmp_path / "spoilt")
    (folder / "6.png").write_bytes((folder / "0.png").read_bytes()[:200])
    (folder / "7.jpg").write_text("no picture")
    Image.new("RGB", (31, 90)).save(folder / "8.png")
    return folder


def test_bad_images_are_named_and_stop_the_training(command: Command, spoilt: Path, tmp_path: Path) -> None:
    done = command(*tiny(spoilt))
    assert_plain_error(done)
    assert "3 of the images cannot be used; pairs.bad_images=skip goes on without them" in done.err
    assert "6.png cannot be read" in done.err
    assert "7.jpg is not an image" in done.err
    assert "8.png has 31 x 90 pixels, less than patch_size=32" in done.err
    assert not results_in(tmp_path)


def test_bad_images_are_named_and_skipped_if_so_wished(command: Command, spoilt: Path, tmp_path: Path) -> None:
    done = command(*tiny(spoilt, "pairs.bad_images=skip", "hydra.run.dir=run", "iterations=2", "pretrain_iterations=1"))
    assert done.status == 0
    assert "3 of the images are skipped" in done.err
    assert "6.png cannot be read" in done.err
    assert summary_of(tmp_path / "run")["training_images"] == 3


def test_validation_images_smaller_than_a_patch_serve(command: Command, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "images" / "train")
    (tmp_path / "images" / "valid").mkdir()
    Image.effect_noise((20, 25), 50).convert("RGB").save(tmp_path / "images" / "valid" / "small.png")
    assert command(*tiny(tmp_path / "images", "hydra.run.dir=run")).status == 0
    assert summary_of(tmp_path / "run")["validation_images"] == 1


def test_a_checkpoint_of_another_architecture_is_refused(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path
) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "run")
    before = {file: file.read_bytes() for file in run.rglob("*.*") if file.is_file() and ".hydra" not in file.parts}
    wider = "generator.channels=16"
    for done in (command(*tiny(pictures, f"init_from={run}", wider)), command(f"resume={run}", wider)):
        assert_plain_error(done)
        assert "is of another architecture than this" in done.err
        assert "body.0.bias: expected (16,), got (8,)" in done.err
    assert not results_in(tmp_path / "outputs")
    assert all(file.read_bytes() == content for file, content in before.items())


def test_a_damaged_checkpoint_is_refused(command: Command, pictures: Path, finished: Finished, tmp_path: Path) -> None:
    whole = (finished.folder / "checkpoints" / "last.ckpt").read_bytes()
    damaged = tmp_path / "run" / "checkpoints" / "last.ckpt"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(whole[: len(whole) // 2])
    for done in (command(*tiny(pictures, f"init_from={damaged}")), command(f"resume={damaged}")):
        assert_plain_error(done)
        assert f"{damaged} is no readable checkpoint" in done.err
    assert damaged.read_bytes() == whole[: len(whole) // 2]


def test_a_full_disk_while_writing_a_checkpoint(command: Command, pictures: Path, tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: the write of the larger, second checkpoint breaks off."""
    options = tiny(pictures, "discriminator.channels=8", "pretrain_iterations=0")
    done = command(*options, "hydra.run.dir=run", "trainer.max_steps=1")
    assert done.status == 0
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    before = checkpoint.read_bytes()
    with files_of_at_most(len(before) // 2):
        fresh = command(*options, "hydra.run.dir=fresh")
        resumed = command("resume=run", "trainer.max_steps=4")
    assert_plain_error(fresh)
    assert "could not be written; there was none before. Free some space" in fresh.err
    assert not results_in(tmp_path / "fresh")
    assert_plain_error(resumed)
    assert "could not be written; the one before is still there. Free some space" in resumed.err
    assert checkpoint.read_bytes() == before


def test_a_finished_run_that_is_resumed_writes_its_results_again(
    command: Command, finished: Finished, tmp_path: Path
) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "run")
    for name in ("generator.safetensors", "discriminator.safetensors", "summary.json"):
        (run / name).unlink()
    assert command("resume=run").status == 0
    for name in ("generator", "discriminator"):
        one, other = (load_file(folder / f"{name}.safetensors") for folder in (finished.folder, run))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    before, after = summary_of(finished.folder), summary_of(run)
    assert before.pop("seconds") != after.pop("seconds")
    assert before == after
    assert (run / "log.csv").read_text() == (finished.folder / "log.csv").read_text()


def test_a_run_goes_on_for_longer_after_a_failed_attempt(command: Command, finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    assert_plain_error(command("resume=run", "iterations=6", "data.root=missing"))
    done = command("resume=run/checkpoints/last.ckpt", "iterations=6")
    assert done.status == 0
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 6
    assert summary_of(tmp_path / "run")["iterations"] == 6
    assert not (tmp_path / "outputs").exists()


def test_options_of_a_resumed_run_come_first_unless_they_are_given_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    torch.save({"config": {"options": ["qf=10", "baseline=esrgan", "resume=old"]}}, checkpoint)
    for resume in (f"resume={tmp_path / 'run'}", f"resume={checkpoint}"):
        assert with_options_of_resumed([resume, "qf=30"]) == ["baseline=esrgan", resume, "qf=30"]
    for others in (["qf=30"], [], ["resume=null"]):
        assert with_options_of_resumed(others) == others


def test_a_training_that_starts_from_weights_has_no_pixel_stage(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path
) -> None:
    arguments = [argument for argument in tiny(pictures) if not argument.startswith("pretrain_iterations")]
    done = command(*arguments, f"init_from={finished.folder}", "hydra.run.dir=run", "iterations=1", "ema_decay=1")
    assert done.status == 0
    assert summary_of(tmp_path / "run")["pretrain_iterations"] == 0
    # With this decay the average stays where the training started.
    start, end = (load_file(folder / "generator.safetensors") for folder in (finished.folder, tmp_path / "run"))
    assert all(torch.equal(start[name], end[name]) for name in start)


def test_short_trainings(command: Command, pictures: Path, tmp_path: Path) -> None:
    arguments = [argument for argument in tiny(pictures) if not argument.startswith("pretrain_iterations")]
    for name, options, pretrain in (("all", ("iterations=2",), 1), ("adversarial", ("pretrain_iterations=0",), 0)):
        assert command(*arguments, *options, f"hydra.run.dir={name}").status == 0
        assert summary_of(tmp_path / name)["pretrain_iterations"] == pretrain
        assert summary_of(tmp_path / name)["realism"]
    done = command(*arguments, "pretrain_iterations=4", "hydra.run.dir=pixel")
    assert done.status == 0
    assert summary_of(tmp_path / "pixel")["realism"] == {}
    assert command(*arguments, "iterations=3", "trainer.max_steps=2", "hydra.run.dir=stopped").status == 0
    assert summary_of(tmp_path / "stopped")["iterations"] == 2


def test_baselines_at_small_sizes(command: Command, pictures: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.mkdir()
    for file in pictures.iterdir():
        with Image.open(file) as picture:
            picture.resize((72, 64)).save(large / file.name)
    esrgan = tiny(large, "baseline=esrgan", "patch_size=64", "iterations=2", "pretrain_iterations=1")
    assert command(*esrgan, "hydra.run.dir=esrgan").status == 0
    common = [a for a in tiny(pictures) if not a.startswith(("generator.", "discriminator.", "pretrain_iterations"))]
    mixed = ("baseline=realesrgan", "generator=arcnn", "method=full", "pretrain_iterations=2", "hydra.run.dir=mixed")
    assert command(*common, *mixed).status == 0
    assert command(*common, "baseline=arcnn", "hydra.run.dir=arcnn").status == 0
    summaries = {name: summary_of(tmp_path / name) for name in ("esrgan", "mixed", "arcnn")}
    assert [(s["baseline"], s["method"], s["generator"]) for s in summaries.values()] == [
        ("esrgan", "full", "SRVGGNetCompact"), ("realesrgan", "full", "ARCNN"), ("arcnn", "vanilla", "ARCNN"),
    ]  # fmt: skip
    assert not (tmp_path / "arcnn" / "discriminator.safetensors").exists()
    assert summaries["arcnn"]["realism"] == {}


def test_a_training_with_given_pairs(command: Command, pictures: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "compressed"
    compressed.mkdir()
    for file in pictures.iterdir():
        with Image.open(file) as picture:
            picture.save(compressed / f"{file.stem}.webp", quality=30)
    options = [option for option in tiny(pictures) if not option.startswith("data")]
    assert command(*options, "data=pairs", f"original={pictures}", "compressed=compressed").status == 0
    (run,) = (tmp_path / "outputs" / "realesrgan-full-none-given").iterdir()
    summary = summary_of(run)
    assert [summary[name] for name in ("codec", "data", "quality")] == ["none", "pairs", "given"]
    assert summary["codec_identity"] == {"codec": "given"}
    assert (summary["training_images"], summary["validation_images"]) == (5, 1)
    rate = 8 * (compressed / "5.webp").stat().st_size / (56 * 48)
    assert summary["compressed"] == {"psnr": ANY, "ssim": ANY, "bits_per_pixel": pytest.approx(rate)}


def test_a_training_with_a_quality_of_its_own_for_each_image(command: Command, pictures: Path, tmp_path: Path) -> None:
    assert command(*tiny(pictures, "codec=jpeg_blind", "iterations=2", "pretrain_iterations=1")).status == 0
    (run,) = (tmp_path / "outputs" / "realesrgan-full-jpeg_blind-10-50").iterdir()
    assert summary_of(run)["quality"] == "10-50"
    assert len({path.parent for path in (tmp_path / "cache" / "pairs").glob("jpeg-*/*/*.json")}) > 2


def test_damaged_pairs_are_named_and_made_again(command: Command, pictures: Path, tmp_path: Path) -> None:
    options = tiny(pictures, "iterations=1", "pretrain_iterations=0")
    assert command(*options).status == 0
    damaged = next((tmp_path / "cache" / "pairs" / "originals").iterdir())
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 128]))
    done = command(*options)
    assert done.status == 0
    assert f"1 of the pairs are damaged and made again:\n{pictures}" in done.err
    assert f"{damaged} is not as it was written: its hash differs." in done.err
    assert damaged.read_bytes() == whole


def test_loggers(command: Command, pictures: Path, tmp_path: Path) -> None:
    assert command(*tiny(pictures, "logger=none", "hydra.run.dir=none", drawn=True)).status == 0
    assert not {"log.csv", "throughput.csv", "curves.png"} & {file.name for file in (tmp_path / "none").iterdir()}
    assert (tmp_path / "none" / "summary.json").exists()
    assert command(*tiny(pictures, "logger=[csv,tensorboard]", "hydra.run.dir=both")).status == 0
    assert (tmp_path / "both" / "log.csv").exists()
    assert len(list((tmp_path / "both" / "tensorboard").glob("events.*"))) == 1


def test_help_lists_the_choices(command: Command, tmp_path: Path) -> None:
    done = command("--help")
    assert done.status == 0
    assert "biasgan train baseline=realesrgan codec=jpeg qf=20" in done.out
    for group in ("baseline", "codec", "data", "method", "scale", "trainer"):
        choices = ", ".join(sorted(file.stem for file in (CONF / group).glob("*.yaml")))
        assert f"{group}: {choices}" in done.out
    assert not list(tmp_path.iterdir())


def test_from_another_folder_with_wandb_and_no_account(pictures: Path, tmp_path: Path) -> None:
    """As a user calls it; without an account W&B must not ask for one."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    environment = {**kept, "HOME": str(home), "BIASGAN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    options = tiny(pictures, "logger=wandb", "iterations=2", "pretrain_iterations=1")
    done = subprocess.run(
        [sys.executable, "-m", "biasgan.train", *options],
        cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "realesrgan-full-jpeg-20").iterdir()
    assert summary_of(folder)["iterations"] == 2
    assert len(list(folder.glob("wandb/offline-run-*/*.wandb"))) == 1
    assert str(folder.relative_to(tmp_path)) in done.stdout
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    with (folder / "log.csv").open() as file:
        assert len(list(csv.DictReader(file))) > 0
