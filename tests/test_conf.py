import re
from collections.abc import Mapping
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn

from biasgan.cli.config import CONF, cores, register_plugins, register_resolvers
from biasgan.codecs.chain import Chain
from biasgan.codecs.codec import Codec
from biasgan.data.datamodule import RestorationData
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.given import GivenPairs
from biasgan.data.sets import DIV2K_TRAIN, DIV2K_VALID, FLICKR2K, ImageSet
from biasgan.data.streaming.streamed import StreamedPairs
from biasgan.evaluation.settings import MEANING
from biasgan.inference.early_exit import gate_of
from biasgan.losses.adversarial import (
    AdversarialLoss,
    HingeLoss,
    LeastSquaresLoss,
    R3Loss,
    RelativisticAverageLoss,
    VanillaAdversarialLoss,
)
from biasgan.losses.pixel import charbonnier_loss
from biasgan.metrics.suite import Suite
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.cbdnet import CBDNet
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.dcad import DCAD
from biasgan.networks.dncnn import DnCNN
from biasgan.networks.mprnet import MPRNet
from biasgan.networks.quality_gate import HEVC_GATE, JPEG_GATE, QualityGate
from biasgan.networks.rbqe import RBQE
from biasgan.networks.rdn import RDN
from biasgan.networks.residual_unet import ResidualUNet
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.networks.unet import UNet
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator
from biasgan.runs.build import built
from biasgan.training.callbacks.batch_statistics import BatchStatistics
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.callbacks.checkpoints import Checkpoints
from biasgan.training.callbacks.ema import EMA
from biasgan.training.fidelity import FidelityRestoration
from biasgan.training.gan import LossWeights, RestorationGAN
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.divergence_regularizer import DivergenceRegularizer
from biasgan.training.mitigations.mitigation import Mitigation
from biasgan.training.schedule import Constant, Cosine, MultiStep

from .composer import Composer
from .conftest import MISSING

CHOICES = [
    (folder.name, file.stem)
    for folder in sorted(CONF.iterdir())
    if folder.is_dir()
    for file in sorted(folder.glob("*.yaml"))
]
FIDELITY = {
    "arcnn": ARCNN,
    "dcad": DCAD,
    "dncnn": DnCNN,
    "cbdnet": CBDNet,
    "rdn": RDN,
    "rbqe": RBQE,
    "rbqe_blind": RBQE,
    "mprnet": MPRNet,
    "unet": UNet,
    "compact": SRVGGNetCompact,
    "residual_unet": ResidualUNet,
    "fidelity": RRDBNet,
}
"""Name of a baseline with the pixel loss alone → its generator at the larger scales."""

GENERATORS = {"rrdbnet": RRDBNet} | {name: kind for name, kind in FIDELITY.items() if name != "fidelity"}
RETRAINED = {"arcnn": 117_731, "dcad": 298_947, "dncnn": 557_443, "cbdnet": 3_944_710} | {
    "rdn": 414_147, "rbqe": 888_451, "rbqe_blind": 3_553_430, "mprnet": 887_217,
}  # fmt: skip
OF_SPANDREL = ("spandrel", "fbcnn", "nafnet", "scunet", "swin2sr", "swinir")
NO_DISCRIMINATOR = [
    ("discriminator", "none"),
    ("experiment", "bundled"),
    *(("baseline", name) for name in FIDELITY),
]
GIVEN = "original={0} compressed={0}"
STREAMED = "data.root={0}"
NEEDED = {
    ("data", "folder"): "data.root={0}",
    ("data", "images"): "data.root={0}",
    ("data", "pairs"): GIVEN,
    ("pairs", "given"): f"data=pairs {GIVEN}",
    ("codec", "none"): f"data=pairs {GIVEN}",
    ("data", "streaming"): STREAMED,
    ("pairs", "streaming"): f"data=streaming {STREAMED}",
    ("generator", "spandrel"): "path=bundled",
    ("experiment", "bundled"): "data.root={0}",
}
"""What cannot do with defaults alone."""

PUBLISHED = {"div2k": [DIV2K_TRAIN, DIV2K_VALID], "flickr2k": [FLICKR2K]}
SIZED_GROUPS = ("baseline", "generator", "discriminator")
"""What has more sizes than one; the largest are the paper's, of which each has a test of its own."""

FEATURES = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}


def build(node: Any, **more: object) -> Any:  # noqa: ANN401 - whatever a file describes
    return built({**node, **more} if more else node)


def tables_of(experiment: str, *options: str) -> list[dict[str, list[str]]]:
    """What an experiment sweeps over, as the sweeper reads it: options with their values, in all of its tables."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra
        given = [f"experiment={experiment}", *options]
        config = hydra.compose_config("train", given, RunMode.MULTIRUN, with_log_configuration=False)
    assert config.hydra.mode.name == "MULTIRUN"
    register_plugins()
    products: list[list[str]] = import_module("hydra_plugins.biasgan_sweep").products_of_file(config)
    return [
        {key: values.split(",") for key, _, values in (each.partition("=") for each in swept)} for swept in products
    ]


def sweep_of(experiment: str, *options: str) -> dict[str, list[str]]:
    """The same of an experiment with one table."""
    (table,) = tables_of(experiment, *options)
    return table


def mitigations(config: Mapping[str, Any]) -> list[Mitigation]:
    return [made for node in config["callbacks"].values() if isinstance(made := build(node), Mitigation)]


SIZED = [(group, choice, "lite") for group, choice in CHOICES if group in SIZED_GROUPS]


@pytest.mark.parametrize(("group", "choice", "scale"), [*((*choice, "demo") for choice in CHOICES), *SIZED])
def test_every_choice_makes_what_it_says(
    composed: Composer, pictures: Path, monkeypatch: pytest.MonkeyPatch, group: str, choice: str, scale: str
) -> None:
    """Each file in conf/, the rest at its defaults, becomes objects of the right kinds."""
    if MISSING["bpg"] and (choice == "bpg" or group == "experiment"):
        pytest.skip("pip install 'biasgan[bpg]'")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    options = {"scale": [], "generator": [f"scale={scale}"]}.get(group, [f"scale={scale}", "generator=compact"])
    config = composed(*options, f"{group}={choice}", *NEEDED.get((group, choice), "").format(pictures).split())
    for images in PUBLISHED.get(choice, []):
        folder = Path(config["data"]["root"]) / images.folder
        folder.mkdir(parents=True)
        for name in images.names:
            (folder / name).touch()
    with torch.device("cpu" if choice in OF_SPANDREL else "meta"):  # spandrel loads weights too
        generator = build(config["generator"])
    discriminator = build(config["discriminator"])  # spectral norms take a second on "meta"
    assert isinstance(generator, nn.Module)
    assert isinstance(discriminator, nn.Module) == ((group, choice) not in NO_DISCRIMINATOR)
    if config["codec"]:
        assert isinstance(build(config["codec"]), Codec)
        assert isinstance(build(config["data"]), ImageSet)
        assert isinstance(build(config["pairs"]), CodedPairs)
    else:
        assert isinstance(build(config["pairs"]), StreamedPairs if choice == "streaming" else GivenPairs)
    assert isinstance(build(config["metrics"]), Suite)
    assert all(isinstance(build(node), Logger) for node in config["logger"].values())
    assert all(isinstance(build(node), Callback) for node in config["callbacks"].values())
    if config["trainer"]["accelerator"] != "gpu":
        assert isinstance(build(config["trainer"], callbacks=[], logger=[]), Trainer)
    assert isinstance(build(config["loader"]), RestorationData)


@pytest.mark.parametrize(
    ("suite", "metrics"),
    [
        ("fast", "psnr psnr_b psnr_y ssim ssim_y"),
        ("paper", "ahiq clipiqa dists fid hyperiqa lpips musiq niqe pi psnr topiq_fr"),
        ("codiff", "clipiqa dists lpips maniqa musiq"),
        ("sets", "fid kid patch_fid"),
    ],
)
def test_metrics_without_weights_are_named(composed: Composer, suite: str, metrics: str) -> None:
    made = build(composed(f"metrics={suite}")["metrics"])
    assert isinstance(made, Suite)
    assert sorted({**made.protocols, **made.unavailable}) == metrics.split()
    assert made.keys() == made.protocols.keys() == set(metrics.split()) & {"psnr", "psnr_b", "psnr_y", "ssim", "ssim_y"}
    missing = "pip install 'biasgan[metrics]'" if MISSING["metrics"] else "biasgan weights fetch"
    assert all(missing in reason for reason in made.unavailable.values())


@pytest.mark.parametrize("baseline", ["realesrgan", "esrgan", *FIDELITY])
def test_a_demo_training_can_be_built(composed: Composer, baseline: str) -> None:
    module = build(composed(f"baseline={baseline}", "features.weights=random")["training"])
    assert isinstance(module, RestorationGAN) == (baseline not in FIDELITY)
    assert isinstance(module, FidelityRestoration)
    assert len(module.configure_optimizers()) == (1 if baseline in FIDELITY else 2)


def test_a_published_network_has_had_its_pixel_stage(composed: Composer) -> None:
    config = composed("generator=spandrel", "path=bundled")
    assert (config["iterations"], config["pretrain_iterations"]) == (250, 0)
    assert composed("generator=spandrel", "path=bundled", "baseline=fidelity")["iterations"] == 1000


def test_realesrgan_at_paper_scale(composed: Composer) -> None:
    config = composed("scale=paper")
    with torch.device("meta"):
        generator, discriminator = build(config["generator"]), build(config["discriminator"])
        published = RRDBNet(channels=64, blocks=23, growth=32)
    assert shapes(generator) == shapes(published)
    assert isinstance(discriminator, UNetDiscriminator)
    assert discriminator.conv0.weight.shape[:2] == (64, 6)
    assert (config["patch_size"], config["batch_size"]) == (128, 16)
    assert (config["iterations"], config["pretrain_iterations"]) == (1_400_000, 1_000_000)
    training = config["training"]
    assert (training["iterations"], training["pretrain_iterations"]) == (1_400_000, 1_000_000)
    assert config["trainer"]["max_steps"] == config["loader"]["iterations"] == 1_400_000
    assert config["callbacks"]["ema"]["decay"] == 0.999
    assert build(training["pretrain_schedule"]) == Constant(2e-4)
    assert build(training["schedule"]) == Constant(1e-4)
    assert build(training["weights"]) == LossWeights(pixel=1.0, perceptual=1.0, adversarial=0.1)
    assert isinstance(build(training["adversarial_loss"]), VanillaAdversarialLoss)
    assert training["layers"] == config["features"]["layers"] == FEATURES
    assert training["features"]["layers"] == list(FEATURES)
    assert config["features"]["weights"] == "imagenet"
    optimizer = build(training["optimizer"])([nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.Adam)
    assert tuple(optimizer.defaults["betas"]) == (0.9, 0.99)


def test_esrgan_at_paper_scale(composed: Composer) -> None:
    config = composed("scale=paper", "baseline=esrgan")
    with torch.device("meta"):
        generator, discriminator = build(config["generator"]), build(config["discriminator"])
    assert isinstance(generator, RRDBNet)
    assert isinstance(discriminator, VGGDiscriminator)
    assert discriminator.get_parameter("conv0_0.weight").shape[:2] == (64, 6)
    assert discriminator.multiple_of == 128
    assert (config["iterations"], config["pretrain_iterations"]) == (1_400_000, 1_000_000)
    training = config["training"]
    assert build(training["pretrain_schedule"]) == Cosine(2e-4, minimum=1e-7, periods=4)
    schedule = build(training["schedule"])
    assert isinstance(schedule, MultiStep)
    assert [share * 400_000 for share in schedule.milestones] == [50_000, 100_000, 200_000, 300_000]
    assert (schedule.learning_rate, schedule.gamma) == (1e-4, 0.5)
    assert build(training["weights"]) == LossWeights(pixel=0.01, perceptual=1.0, adversarial=0.005)
    assert isinstance(build(training["adversarial_loss"]), RelativisticAverageLoss)
    assert training["layers"] == config["features"]["layers"] == {"conv5_4": 1.0}


@pytest.mark.parametrize("baseline", FIDELITY)
def test_fidelity_baselines_at_paper_scale(composed: Composer, baseline: str) -> None:
    config = composed("scale=paper", f"baseline={baseline}")
    with torch.device("meta"):
        assert isinstance(build(config["generator"]), FIDELITY[baseline])
    assert (config["iterations"], config["pretrain_iterations"]) == (500_000, 500_000)
    assert (config["batch_size"], config["patch_size"]) == (32, 128)
    training = config["training"]
    kind = "MultiExitRestoration" if baseline == "rbqe_blind" else "FidelityRestoration"
    assert training["_target_"].endswith(f".{kind}")
    assert build(training["schedule"]) == Cosine(1e-4, minimum=1e-7, periods=1)
    optimizer = build(training["optimizer"])([nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.Adam)
    assert tuple(optimizer.defaults["betas"]) == (0.9, 0.999)
    assert not mitigations(config)


@pytest.mark.parametrize("baseline", FIDELITY)
def test_mprnet_alone_has_the_charbonnier_loss(composed: Composer, baseline: str) -> None:
    training = composed(f"baseline={baseline}", "features.weights=random")["training"]
    assert ("loss" in training) == (baseline == "mprnet")
    if "loss" in training:
        restored, original = torch.rand(2, 1, 3, 4, 4)
        assert build(training["loss"])(restored, original) == charbonnier_loss(restored, original, epsilon=1e-6)


@pytest.mark.parametrize("scale", ["lite", "paper"])
@pytest.mark.parametrize(("generator", "parameters"), RETRAINED.items())
def test_sizes_are_those_that_powerqe_retrained(
    composed: Composer, generator: str, scale: str, parameters: int
) -> None:
    with torch.device("meta"):
        network = build(composed(f"scale={scale}", f"generator={generator}")["generator"])
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("generator", sorted(GENERATORS.keys() - {"arcnn"}))
def test_a_demo_has_a_smaller_network(composed: Composer, generator: str) -> None:
    sizes: list[int] = []
    for scale in ("demo", "paper"):
        with torch.device("meta"):
            network = build(composed(f"scale={scale}", f"generator={generator}")["generator"])
        sizes.append(sum(parameter.numel() for parameter in network.parameters()))
    assert sizes[0] < sizes[1] / 2


def test_lite_scale_is_narrower(composed: Composer) -> None:
    config = composed("scale=lite")
    with torch.device("meta"):
        assert shapes(build(config["generator"])) == shapes(RRDBNet(channels=32, blocks=16, growth=32))
    assert (config["patch_size"], config["batch_size"], config["ema_decay"]) == (128, 16, 0.999)
    assert config["features"]["layers"] == FEATURES


@pytest.mark.parametrize(("generator", "kind"), [*GENERATORS.items()])
def test_the_demo_takes_any_generator(composed: Composer, generator: str, kind: type[nn.Module]) -> None:
    config = composed("scale=demo", f"generator={generator}")
    assert isinstance(build(config["generator"]), kind)
    assert config["training"]["generator"] == config["generator"]


def test_the_demo_has_the_compact_generator_by_default(composed: Composer) -> None:
    for baseline in ("realesrgan", "esrgan"):
        assert isinstance(build(composed(f"baseline={baseline}")["generator"]), SRVGGNetCompact)


@pytest.mark.parametrize(
    ("method", "channels", "kinds"),
    [
        ("vanilla", 3, set[type]()),
        ("conditional", 6, {ConditionalDiscriminator}),
        ("divergence", 3, {DivergenceRegularizer}),
        ("full", 6, {ConditionalDiscriminator, DivergenceRegularizer}),
    ],
)
@pytest.mark.parametrize("baseline", ["realesrgan", "esrgan"])
def test_methods_set_the_discriminator_and_its_mitigations(
    composed: Composer, baseline: str, method: str, channels: int, kinds: set[type]
) -> None:
    config = composed(f"baseline={baseline}", f"method={method}")
    first = next(layer for layer in build(config["discriminator"]).modules() if isinstance(layer, nn.Conv2d))
    assert first.in_channels == channels
    made = mitigations(config)
    assert {type(mitigation) for mitigation in made} == kinds
    for mitigation in made:
        if isinstance(mitigation, DivergenceRegularizer):
            assert (mitigation.weight, mitigation.layers) == (0.1, config["features"]["layers"])


def test_from_weights_there_is_no_pixel_stage(composed: Composer) -> None:
    for baseline, iterations in (("realesrgan", 400_000), ("esrgan", 400_000), ("arcnn", 500_000)):
        config = composed("scale=paper", f"baseline={baseline}", "init_from=weights.pth")
        assert (config["iterations"], config["pretrain_iterations"]) == (iterations, 0)


def test_iterations_are_shared_out_as_in_the_recipe(composed: Composer) -> None:
    config = composed("scale=paper", "iterations=14", "loader.seed=5")
    assert (config["iterations"], config["pretrain_iterations"]) == (14, 10)
    assert config["training"]["pretrain_iterations"] == 10


def test_callbacks_of_a_run_and_their_order(composed: Composer) -> None:
    callbacks = [build(node) for node in composed()["callbacks"].values()]
    kinds = [type(callback) for callback in callbacks]
    # Processes agree, and the average takes new parameters in, before anything looks at them or saves them.
    assert kinds[:2] == [BatchStatistics, EMA]
    assert kinds.index(BiasMonitor) < kinds.index(Checkpoints)
    (checkpoints,) = (callback for callback in callbacks if isinstance(callback, Checkpoints))
    assert checkpoints.folder == composed.folder / "checkpoints"


def test_quality_options_reach_the_codec(composed: Composer) -> None:
    config = composed("qf=35", "codec=jpeg")
    assert config["quality"] == config["pairs"]["quality"] == 35


@pytest.mark.parametrize("choice", PUBLISHED)
def test_a_preparation_alone_downloads(composed: Composer, choice: str) -> None:
    prepared = Composer(composed.folder, "prepare")
    configs = composed(f"data={choice}"), prepared(f"data={choice}"), prepared(f"data={choice}", "check=true")
    assert [config["data"]["download"] for config in configs] == [False, True, False]


def test_a_preparation_and_a_training_mean_the_same_pairs(composed: Composer, pictures: Path) -> None:
    prepared = Composer(composed.folder, "prepare")
    sources = ("data=sample", f"data=folder data.root={pictures}", f"data=pairs {GIVEN.format(pictures)}")
    for options in (*(f"{source} qf=30" for source in sources), "codec=jpeg_blind"):
        nodes = composed(*options.split())["pairs"], prepared(*options.split())["pairs"]
        assert nodes[1].pop("workers") == cores()
        assert nodes[0].pop("workers") == 2
        assert nodes[0] == nodes[1]


def test_an_evaluation_and_a_training_mean_the_same_pairs(composed: Composer, pictures: Path) -> None:
    evaluated = Composer(composed.folder, "evaluate")
    for options in (
        "qf=30",
        f"data=folder data.root={pictures}",
        "data=div2k codec=jpeg_blind",
        "codec=webp",
        f"data=pairs {GIVEN.format(pictures)}",
        "data=streaming data.root=pairs",
    ):
        configs = composed(*options.split()), evaluated(*options.split())
        for key in MEANING:
            assert configs[1].get(key) == configs[0].get(key)
        nodes = [config["pairs"] for config in configs]
        assert nodes[1].pop("workers") == cores()
        del nodes[0]["workers"]
        assert nodes[0] == nodes[1]


def test_an_evaluation_takes_several_suites(composed: Composer) -> None:
    suite = build(Composer(composed.folder, "evaluate")("metrics=[fast,paper,sets]")["metrics"])
    assert isinstance(suite, Suite)
    assert {**suite.protocols, **suite.unavailable}.keys() >= {"psnr", "psnr_y", "lpips", "fid", "kid"}


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ("vanilla", VanillaAdversarialLoss),
        ("ragan", RelativisticAverageLoss),
        ("hinge", HingeLoss),
        ("least_squares", LeastSquaresLoss),
        ("r3gan", R3Loss),
    ],
)
def test_any_baseline_plays_any_game(composed: Composer, choice: str, kind: type[AdversarialLoss]) -> None:
    for baseline in ("realesrgan", "esrgan"):
        config = composed(f"baseline={baseline}", f"adversarial={choice}", "discriminator=patch")
        assert type(build(config["training"]["adversarial_loss"])) is kind
        assert config["training"]["discriminator"]["in_channels"] == 6


@pytest.mark.parametrize("baseline", ["realesrgan", "esrgan", "arcnn"])
def test_vgg16_has_the_last_layers_of_its_blocks_in_the_place_of_vgg19s(composed: Composer, baseline: str) -> None:
    options = (f"baseline={baseline}", "scale=lite", "features.weights=random")
    layers = composed(*options)["features"]["layers"]
    config = composed(*options, "features.network=vgg16")
    assert config["features"]["layers"] == {name.replace("_4", "_3"): weight for name, weight in layers.items()}
    assert build(config["training"]["features"]).weights_name == "vgg16 random"


def test_a_blind_training_has_jpeg_of_any_quality(composed: Composer) -> None:
    config = composed("codec=jpeg_blind")
    assert config["quality"] == config["pairs"]["quality"] == "10-50"
    assert config["codec"] == composed("codec=jpeg")["codec"]
    assert composed("codec=jpeg", "qf=5-95")["pairs"]["quality"] == "5-95"


def test_the_networks_in_the_box_are_for_any_quality(composed: Composer) -> None:
    config = composed("experiment=bundled", "tiles=photos")
    assert (config["quality"], config["data"]["root"]) == ("5-95", "photos/chain")
    assert (config["iterations"], config["pretrain_iterations"]) == (20_000, 20_000)
    assert isinstance(build(config["codec"]), Chain)
    with torch.device("meta"):
        network = build(config["generator"])
    assert isinstance(network, ResidualUNet)
    assert sum(parameter.numel() for parameter in network.parameters()) < 500_000
    config = composed(
        "experiment=bundled", "codec=bpg", "baseline=realesrgan", "method=full", "init_from=bundled", "iterations=9"
    )
    assert (config["quality"], config["data"]["root"]) == ("22-47", "tiles/bpg")
    assert config["generator"]["_target_"].endswith(".ResidualUNet")
    assert (config["iterations"], config["pretrain_iterations"]) == (9, 0)
    assert len(mitigations(config)) == 2


def test_rbqe_blind_is_for_mixed_qualities_of_jpeg_or_bpg(composed: Composer) -> None:
    config = composed("baseline=rbqe_blind")
    assert (config["codec"], config["quality"]) == (composed("codec=jpeg")["codec"], "10-50")
    config = composed("baseline=rbqe_blind", "codec=bpg", "qp=22-42")
    assert (config["codec"], config["quality"]) == (composed("codec=bpg")["codec"], "22-42")
    for scale in ("demo", "lite", "paper"):
        generator = composed("baseline=rbqe_blind", f"scale={scale}")["generator"]
        assert (generator["levels"], generator["exits"], generator["attention"]) == (5, 5, True)


@pytest.mark.parametrize(
    ("options", "gate"),
    [
        ("baseline=rbqe_blind", JPEG_GATE),
        ("baseline=rbqe_blind codec=bpg qp=22-42", HEVC_GATE),
        ("codec=jpeg", JPEG_GATE),
        ("codec=webp", None),
        ("data=streaming data.root=pairs", None),
    ],
)
def test_images_leave_early_by_the_gate_of_the_codec(
    composed: Composer, options: str, gate: QualityGate | None
) -> None:
    assert gate_of(composed(*options.split())) is gate


def test_the_log_is_in_the_run_folder(composed: Composer) -> None:
    loggers = [build(node) for node in composed("logger=[csv,tensorboard]")["logger"].values()]
    assert [logger.path for logger in loggers if isinstance(logger, CSVLog)] == [composed.folder / "log.csv"]
    assert composed("logger=none")["logger"] == {}
    for name in ("null", "mine"):
        assert composed("logger=wandb", f"sweep.name={name}")["logger"]["wandb"]["group"] == {"mine": "mine"}.get(name)


def shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


COMPARED = [
    *((name, "vanilla") for name in ("arcnn", "dcad", "dncnn", "cbdnet", "rdn", "rbqe", "mprnet")),
    *product(("esrgan", "realesrgan"), ("vanilla", "full")),
]
"""The columns of Tab. 3 and 4: baselines and their methods."""

REHEARSED = [{"baseline": ["arcnn"]}, {"baseline": ["realesrgan"], "method": ["full"]}]
"""The columns that a rehearsal of Tab. 4 has."""

GANS = ("esrgan", "realesrgan")
EXPERIMENTS = {
    "table3": [(*column, 37) for column in COMPARED],
    "table5": [*product(GANS, ("vanilla", "conditional", "divergence", "full"), (37,))],
    "bias": [*product(GANS, ("vanilla", "full"), (27, 37, 47))],
    "transfer": [*6 * [*product(("realesrgan",), ("vanilla", "full"), (37,))]],
}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_has_the_jobs_of_the_paper(composed: Composer, experiment: str) -> None:
    found: list[tuple[str, str, int]] = []
    tables = tables_of(experiment, "scale=paper")
    for options in (job for table in tables for job in product(*([f"{k}={v}" for v in table[k]] for k in table))):
        config = composed(f"experiment={experiment}", "scale=paper", *options)
        choices = HydraConfig.get().runtime.choices
        assert choices["codec"] == "bpg"
        found.append((choices["baseline"], choices["method"], config["quality"]))
        kinds = {type(mitigation) for mitigation in mitigations(config)}
        assert (kinds == {ConditionalDiscriminator, DivergenceRegularizer}) == (choices["method"] == "full")
    assert sorted(found) == sorted(EXPERIMENTS[experiment])


@pytest.mark.parametrize("scale", ["lite", "paper"])
def test_table_4_is_table_3_on_five_qualities(scale: str) -> None:
    qualities = {"qp": ["27", "32", "37", "42", "47"]}
    assert tables_of("table4", f"scale={scale}") == [table | qualities for table in tables_of("table3")]


def test_the_rehearsal_of_table_4_has_a_method_of_each_kind_and_enough_qualities_for_a_curve() -> None:
    qualities = {"qp": ["27", "32", "37", "42"]}
    assert tables_of("table4", "scale=demo") == [table | qualities for table in REHEARSED]


CODECS = {
    "bpg": {"qp": ["27", "32", "37", "42", "47"]},
    "jpeg": {"qf": ["50", "40", "30", "20", "10"]},
    "jpeg_double": {"qf": ["50", "40", "30", "20", "10"]},
    "webp": {"qf": ["50", "40", "30", "20", "10"]},
    "avif": {"qf": ["50", "40", "30", "20", "10"]},
    "jpeg2000": {"ratio": ["20", "40", "80", "160", "320"]},
}
"""The option of a codec that sets its quality, with what is compared, the slightest first."""


@pytest.mark.parametrize("codec", CODECS)
def test_an_experiment_sweeps_over_the_qualities_of_the_codec(composed: Composer, codec: str) -> None:
    ((option, qualities),) = CODECS[codec].items()
    assert all(table[option] == qualities for table in tables_of("table4", f"codec={codec}", "scale=paper"))
    for quality in qualities:
        build(composed(f"codec={codec}")["codec"]).check_quality(int(quality))


def test_all_experiments_follow_the_codec(composed: Composer) -> None:
    qualities = CODECS["jpeg"]["qf"]
    assert all(table["qf"] == qualities[:4] for table in tables_of("table4", "codec=jpeg"))
    assert sweep_of("bias", "codec=jpeg", "scale=paper")["qf"] == qualities[::2]
    assert sweep_of("bias", "codec=jpeg")["qf"] == [qualities[0], qualities[-1]]
    assert sweep_of("paper_bpg", "codec=jpeg") == sweep_of("paper_jpeg")
    assert sweep_of("paper_jpeg")["qf"] == qualities
    assert composed("codec=jpeg", "experiment=table5")["quality"] == 20
    assert sweep_of("table5", "codec=jpeg").keys() == {"baseline", "method"}


@pytest.mark.parametrize("given", ["qf=20,30", "quality=20"])
def test_a_given_quality_is_that_of_an_experiment(given: str) -> None:
    assert tables_of("table4", "codec=jpeg", given) == REHEARSED


def test_a_given_method_takes_the_place_of_those_of_an_experiment() -> None:
    assert tables_of("table3", "baseline=rdn,compact") == [{}]
    assert sweep_of("table4", "method=full").keys() == {"qp"}
    given = "sweep.combinations=[{baseline:rdn},{baseline:esrgan,method:[vanilla,full]}]"
    assert tables_of("table3", given) == [
        {"baseline": ["rdn"]},
        {"baseline": ["esrgan"], "method": ["vanilla", "full"]},
    ]
    with pytest.raises(ValueError, match=r"^baseline= is given beside sweep\.combinations, which has it too"):
        tables_of("table3", given, "baseline=rdn")


@pytest.mark.parametrize("value", ["3", "[rdn]", "rdn"])
def test_combinations_are_tables(value: str) -> None:
    with pytest.raises(ValueError, match=r"sweep\.combinations must be a list of tables, such as \[\{baseline:arcnn\}"):
        tables_of("table5", f"sweep.combinations={value}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("codec=jpeg_blind", "codec=jpeg_blind has one alone, 10-50. Choose another codec, or give those to compare"),
        ("codec=none", "codec=none has one alone, given."),
        ("codec=jpeg,bpg", "a sweep over qualities of one codec; got codec=jpeg,bpg."),
        ("codec=bpg ~qualities", "the file of codec=bpg does not name five, as qualities: [SLIGHTEST, …, STRONGEST]."),
        ("codec=bpg qualities=[3,4]", "Give those to compare: qp=ONE,ANOTHER."),
    ],
)
def test_what_has_no_such_qualities_is_refused(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        sweep_of("table4", *options.split())
    assert tables_of("table4", *options.split(), "quality=1,2") == REHEARSED


@pytest.mark.parametrize("experiment", [*EXPERIMENTS, "table4"])
def test_rehearsals_are_short_and_experiments_as_long_as_their_recipes(composed: Composer, experiment: str) -> None:
    for baseline in ("arcnn", "esrgan"):
        lengths = [
            [composed(*options, f"scale={scale}", f"baseline={baseline}")["iterations"] for scale in ("demo", "paper")]
            for options in ((f"experiment={experiment}",), ())
        ]
        (rehearsal, long), (demo, recipe) = lengths
        assert rehearsal < demo
        assert long == recipe
    assert composed(f"experiment={experiment}", "iterations=7")["iterations"] == 7
