"""What a training starts from: weights of a run, of the package, and of others."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from spandrel import ImageModelDescriptor, ModelLoader
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn

from biasgan.networks.any_size import restore
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.runs.weights import load_generator

from .conftest import TINY, Command, Done, Finished, tiny
from .networks.test_discriminator_weights import with_older_norm

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.meshgrid:UserWarning", "ignore:.*saved_variables")

STILL = ("training.schedule.learning_rate=0", "ema_decay=1", "pretrain_iterations=0", "iterations=1")
"""A training that leaves all parameters as they were."""


def sized(pictures: Path, *arguments: str) -> list[str]:
    """Arguments of a tiny training with networks of their usual sizes."""
    return [
        a for a in tiny(pictures, *arguments) if not a.startswith(("generator.", "discriminator.")) or a not in TINY
    ]


def started_from(folder: Path) -> dict[str, str]:
    return json.loads((folder / "summary.json").read_text())["started_from"]


def assert_refused(done: Done, message: str, folder: Path) -> None:
    assert done.status == 1
    assert done.err.count("error:") == 1
    assert message in done.err
    assert "Traceback" not in done.err
    assert not list(folder.rglob("*.ckpt"))
    assert not (folder / "cache").exists()


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A discriminator of three channels as Real-ESRGAN's was published."""
    torch.manual_seed(5)
    discriminator = with_older_norm(UNetDiscriminator(channels=4))
    torch.save({"params": discriminator.state_dict()}, tmp_path / "published.pth")
    return tmp_path / "published.pth"


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("", "generator.safetensors"),
        ("generator.safetensors", "generator.safetensors"),
        ("checkpoints/last.ckpt", "checkpoints/last.ckpt (averaged)"),
    ],
)
def test_a_generator_of_a_run(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path, form: str, place: str
) -> None:
    done = command(*tiny(pictures, *STILL, f"init_from={finished.folder / form}", "hydra.run.dir=run"))
    assert done.status == 0
    assert_same(*(load_file(folder / "generator.safetensors") for folder in (finished.folder, tmp_path / "run")))
    assert started_from(tmp_path / "run") == {
        "generator": str(finished.folder / place),
        "discriminator": "random weights",
    }
    assert f"generator started from: {finished.folder / place}\n" in done.out
    assert "discriminator started from: random weights\n" in done.out


@pytest.mark.parametrize("form", ["params_ema", "params", None])
def test_a_generator_of_others(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path, form: str | None
) -> None:
    state = load_file(finished.folder / "generator.safetensors")
    torch.save({form: state} if form else state, tmp_path / "published.pth")
    assert command(*tiny(pictures, *STILL, "init_from=published.pth", "hydra.run.dir=run")).status == 0
    assert_same(load_file(tmp_path / "run" / "generator.safetensors"), state)
    place = f"{tmp_path / 'published.pth'}"
    assert started_from(tmp_path / "run")["generator"] == (f"{place} ({form})" if form else place)


@pytest.mark.parametrize("form", ["", "discriminator.safetensors", "checkpoints/last.ckpt"])
def test_a_discriminator_of_a_run(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path, form: str
) -> None:
    given = finished.folder / form
    assert command(*tiny(pictures, *STILL, f"init_discriminator_from={given}", "hydra.run.dir=run")).status == 0
    start, end = (load_file(folder / "discriminator.safetensors") for folder in (finished.folder, tmp_path / "run"))
    parameters = [name for name in start if not name.endswith(("_u", "_v"))]
    assert all(torch.equal(start[name], end[name]) for name in parameters)
    place = given / "discriminator.safetensors" if given.is_dir() else given
    assert started_from(tmp_path / "run") == {"generator": "random weights", "discriminator": str(place)}


@pytest.mark.parametrize("method", ["vanilla", "full"])
def test_a_discriminator_of_others(
    command: Command, pictures: Path, tmp_path: Path, published: Path, method: str
) -> None:
    options = (f"method={method}", f"init_discriminator_from={published}", "hydra.run.dir=run")
    assert command(*tiny(pictures, *STILL, *options)).status == 0
    start = torch.load(published)["params"]
    end = load_file(tmp_path / "run" / "discriminator.safetensors")
    assert torch.equal(end["conv3.parametrizations.weight.original"], start["conv3.weight_orig"])
    assert torch.equal(end["conv0.weight"][:, -3:], start["conv0.weight"])
    assert not end["conv0.weight"][:, :-3].any()
    assert started_from(tmp_path / "run")["discriminator"] == f"{published} (params)"


@pytest.mark.parametrize("word", ["bundled", "bundled-pixel"])
def test_the_networks_of_the_package(command: Command, pictures: Path, tmp_path: Path, word: str) -> None:
    options = (f"init_from={word}", "init_discriminator_from=bundled", "hydra.run.dir=run")
    assert command(*sized(pictures, *STILL, *options)).status == 0
    assert_same(load_generator(tmp_path / "run").state_dict(), load_generator(word).state_dict())
    assert started_from(tmp_path / "run") == {"generator": word, "discriminator": "bundled"}


def test_nothing_but_random_weights(command: Command, pictures: Path, finished: Finished, tmp_path: Path) -> None:
    assert started_from(finished.folder) == {
        "generator": "its own pixel stage of 2 iterations",
        "discriminator": "random weights",
    }
    assert command(*sized(pictures, "baseline=arcnn", "iterations=1", "hydra.run.dir=arcnn")).status == 0
    assert started_from(tmp_path / "arcnn") == {"generator": "random weights"}
    more = ("pretrain_iterations=1", "iterations=2", f"init_from={finished.folder}", "hydra.run.dir=more")
    assert command(*tiny(pictures, *more)).status == 0
    place = finished.folder / "generator.safetensors"
    assert started_from(tmp_path / "more")["generator"] == f"{place}, then a pixel stage of 1 iterations"


def test_a_run_is_resumed_without_what_it_started_from(
    command: Command, pictures: Path, finished: Finished, tmp_path: Path, published: Path
) -> None:
    torch.save(load_file(finished.folder / "generator.safetensors"), "own.pth")
    starts = ("init_from=own.pth", "init_discriminator_from=published.pth")
    options = ("pretrain_iterations=0", "iterations=3", *starts, "hydra.run.dir=run")
    assert command(*tiny(pictures, *options, "trainer.max_steps=1")).status == 0
    before = started_from(tmp_path / "run")
    assert before == {
        "generator": f"{tmp_path / 'own.pth'}",
        "discriminator": f"{tmp_path / 'published.pth'} (params)",
    }
    published.unlink()
    (tmp_path / "own.pth").unlink()
    assert command("resume=run", "trainer.max_steps=3").status == 0
    assert started_from(tmp_path / "run") == before
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("init_from=bundled", "bundled is of another architecture than this SRVGGNetCompact"),
        ("init_from=bundled-pixel", "body.0.bias: expected (8,), got (64,)"),
        ("init_discriminator_from=bundled", "bundled is of another architecture than this UNetDiscriminator"),
        ("init_discriminator_from=bundled", "conv0.bias: expected (4,), got (16,)"),
        ("init_discriminator_from=bundled-pixel", "bundled-pixel: expected a run folder (with discriminator.safetens"),
        ("init_discriminator_from=missing", "there is no such file or folder"),
        (
            "init_discriminator_from=bundled method=vanilla discriminator.channels=16",
            "bundled does not fit. It was trained on more channels",
        ),
        ("init_discriminator_from=generator.pth", "generator.pth (params) is of another architecture"),
        ("init_from=hostile.pth", "hostile.pth is no readable checkpoint"),
        ("init_discriminator_from=hostile.pth", "hostile.pth is no readable checkpoint"),
    ],
)
def test_what_does_not_serve_is_refused_before_any_pair_is_made(
    command: Command, pictures: Path, tmp_path: Path, arguments: str, message: str
) -> None:
    torch.save({"params": {"body.0.weight": torch.zeros(3)}}, "generator.pth")
    torch.save({"params": Hostile()}, "hostile.pth")
    assert_refused(command(*tiny(pictures, *arguments.split())), message, tmp_path)
    assert not Path("executed").exists()


def test_without_a_discriminator_there_is_none_to_start(command: Command, pictures: Path, tmp_path: Path) -> None:
    done = command(*sized(pictures, "baseline=arcnn", "init_discriminator_from=bundled"))
    assert_refused(done, "Choose baseline=realesrgan or baseline=esrgan", tmp_path)


class Hostile:
    """What a pickle can do when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (Path("executed"),)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "SwinIR": lambda: SwinIR(
        img_size=16, window_size=8, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2, upsampler="", upscale=1
    ),
    "DnCNN": lambda: DnCNN(in_nc=3, out_nc=3, nc=8, nb=8),
    "NAFNet": lambda: NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_network_is_trained_further(command: Command, pictures: Path, tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    state = NETWORKS[name]().state_dict()
    torch.save({"params": state}, "published.pth")
    options = [a for a in sized(pictures) if not a.startswith("pretrain_iterations")]
    spandrel = ("generator=spandrel", "path=published.pth", "discriminator.channels=4", "hydra.run.dir=run")
    assert command(*options, *spandrel, "iterations=2").status == 0
    (tmp_path / "published.pth").unlink()

    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["generator"], summary["method"], summary["pretrain_iterations"]) == ("SpandrelModel", "full", 0)
    assert summary["started_from"]["generator"] == f"{tmp_path / 'published.pth'} ({name})"
    exported = load_file(tmp_path / "run" / "generator.safetensors")
    assert exported.keys() == state.keys()
    assert any(not torch.equal(exported[key], state[key]) for key in state)

    image = torch.rand(1, 3, 21, 30)
    described = ModelLoader(device="cpu").load_from_file(tmp_path / "run" / "generator.safetensors")
    assert isinstance(described, ImageModelDescriptor)
    for given in ("run", "run/checkpoints/last.ckpt", "run/generator.safetensors"):
        generator = load_generator(given)
        assert isinstance(generator, SpandrelModel)
        assert_same(generator.state_dict(), exported)
        with torch.no_grad():
            restored = restore(generator, image)
        assert torch.equal(restored.clamp(0, 1), described(image))

    # Its own weights go on where its published ones are gone.
    again = ("generator=spandrel", "path=run", "discriminator.channels=4", "init_from=run", "hydra.run.dir=again")
    assert command(*options, *again, *STILL).status == 0
    end = load_file(tmp_path / "again" / "generator.safetensors")
    assert all(torch.equal(end[key], parameter) for key, parameter in load_generator("run").named_parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "path has no value; add path=VALUE"),
        ("path=missing.pth", "missing.pth: expected a run folder"),
        ("path=unknown.pth", "unknown.pth: weights without a configuration, of no network that spandrel recognises"),
        ("path=grey.pth", "grey.pth: weights of DnCNN from 1 to 1 channels; expected one of colour images, 3 to 3"),
        ("path=hostile.pth", "hostile.pth is no readable checkpoint"),
        ("path=swinir.pth patch_size=8", "SpandrelModel needs at least 16; set patch_size=16"),
    ],
)
def test_networks_that_do_not_serve_are_refused(
    command: Command, pictures: Path, tmp_path: Path, arguments: str, message: str
) -> None:
    torch.save({"weight": torch.zeros(2)}, "unknown.pth")
    torch.save(DnCNN(nc=8, nb=8).state_dict(), "grey.pth")
    torch.save(NETWORKS["SwinIR"]().state_dict(), "swinir.pth")
    torch.save({"params": Hostile()}, "hostile.pth")
    assert_refused(command(*sized(pictures, "generator=spandrel", *arguments.split())), message, tmp_path)
    assert not Path("executed").exists()


def test_a_network_of_spandrels_is_trained_from_the_start(command: Command, pictures: Path, tmp_path: Path) -> None:
    sizes = ("embed_dim=12", "depths=[2]", "num_heads=[2]", "img_size=16")
    swinir = ("generator=swinir", *(f"generator.{size}" for size in sizes), "discriminator.channels=4")
    options = sized(pictures, *swinir, "hydra.run.dir=run")
    assert command(*options, "iterations=3").status == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["generator"], summary["method"]) == ("UntrainedModel", "full")
    assert summary["started_from"]["generator"].startswith("its own pixel stage of")
    described = ModelLoader(device="cpu").load_from_file(tmp_path / "run" / "generator.safetensors")
    assert isinstance(described, ImageModelDescriptor)
    assert described.architecture.name == "SwinIR"
    image = torch.rand(1, 3, 21, 30)
    with torch.no_grad():
        restored = restore(load_generator("run"), image)
    assert torch.equal(restored.clamp(0, 1), described(image))

    # Cut in two, bit for bit the same, although blocks are left out by chance.
    parts = [*options[:-1], "hydra.run.dir=parts"]
    assert command(*parts, "iterations=3", "trainer.max_steps=2").status == 0
    assert command("resume=parts", "trainer.max_steps=3").status == 0
    assert_same(load_file("parts/generator.safetensors"), load_file("run/generator.safetensors"))
