import copy
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor, nn

from biasgan.codecs.codec import Codec
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.webp import WebP
from biasgan.data.datamodule import RestorationData
from biasgan.data.dataset import Pair
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.given import GivenPairs
from biasgan.data.pairs.source import PairSource
from biasgan.data.sets import ImageSet
from biasgan.losses.multi_exit import exit_weights
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.rbqe import RBQE
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.multi_exit import MultiExitRestoration
from biasgan.training.schedule import Constant

from .conftest import LAYERS, make_trainer, psnr


def make_module(generator: nn.Module | None = None, accumulate: int = 1) -> MultiExitRestoration:
    torch.manual_seed(7)
    return MultiExitRestoration(
        generator=generator or RBQE(channels=2),
        optimizer=torch.optim.SGD,
        schedule=Constant(1e-2),
        iterations=2,
        metrics=psnr(),
        features=VGGFeatures(list(LAYERS), "random"),
        accumulate=accumulate,
        log_every=1,
    )


def mixed(images: ImageSet, store: Path, codec: Codec | None = None, quality: int | str = "10-50") -> CodedPairs:
    return CodedPairs(images, codec or JPEG(), quality, store, workers=0)


def fit(
    module: MultiExitRestoration, source: PairSource, max_steps: int = 1, callback: Callback | None = None
) -> RestorationData:
    data = RestorationData(source, patch_size=16, batch_size=6, iterations=2, workers=0)
    callbacks = [callback] if callback else []
    make_trainer(*callbacks, max_steps=max_steps, validate_every=max_steps).fit(module, datamodule=data)
    return data


class Batches(Callback):
    """Keeps them."""

    def __init__(self) -> None:
        self.seen: list[Pair] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        self.seen.append(batch)


def test_each_image_has_the_weights_of_its_own_quality(images: ImageSet, tmp_path: Path) -> None:
    module = make_module()
    start = copy.deepcopy(module.rbqe)
    batches = Batches()
    data = fit(module, mixed(images, tmp_path), callback=batches)
    (batch,) = batches.seen
    exits = [image.detach() for image in start.exit_images(batch.compressed)]
    terms: list[Tensor] = []
    qualities: list[int] = []
    for place, index in enumerate(batch.index.tolist()):
        quality = data.train_entries[index].quality
        assert quality is not None
        qualities.append(quality)
        weights = exit_weights([quality], "jpeg")[0]
        errors = torch.stack([(image[place] - batch.original[place]).square().mean() for image in exits])
        terms.append((weights * errors).sum())
    assert len(exit_weights(qualities, "jpeg").unique(dim=0)) > 1
    assert module.latest["generator/pixel"] == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)
    changed = {
        name.split(".")[1]
        for name, parameter in module.generator.named_parameters()
        if name.startswith("outs") and not torch.equal(parameter, start.get_parameter(name))
    }
    assert changed == {"0", "1", "2", "3", "4"}


def test_a_batch_in_parts_is_the_same(images: ImageSet, tmp_path: Path) -> None:
    whole, parts = make_module(), make_module(accumulate=3)
    for module in (whole, parts):
        fit(module, mixed(images, tmp_path), max_steps=2)
    assert parts.latest["generator/pixel"] == pytest.approx(whole.latest["generator/pixel"], rel=1e-5)
    for one, other in zip(whole.generator.parameters(), parts.generator.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_validates_every_exit(images: ImageSet, tmp_path: Path) -> None:
    module = make_module()
    data = fit(module, mixed(images, tmp_path))
    expected = torch.zeros(5)
    for batch in data.val_dataloader():
        pair = data.on_after_batch_transfer(batch, 0)
        with torch.no_grad():
            exits = torch.cat(list(module.rbqe.exit_images(pair.compressed))).clamp(0, 1).mul(255).round().div(255)
        errors = (exits - pair.original).square().mean((1, 2, 3))
        expected += -10 * errors.log10() / len(data.valid_entries)
    names = [*(f"valid/psnr_exit_{number}" for number in range(1, 5)), "valid/psnr"]
    assert [module.latest[name] for name in names] == pytest.approx(expected.tolist(), rel=1e-5)
    assert len(set(expected.tolist())) == 5


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        (SRVGGNetCompact(channels=2, convolutions=1), r"got SRVGGNetCompact\."),
        (RBQE(channels=2, exits=1), r"got RBQE with exits=1\."),
    ],
)
def test_networks_without_five_exits_are_refused(generator: nn.Module, words: str) -> None:
    with pytest.raises(ValueError, match=r"needs generator=rbqe_blind or .* generator.exits=5.*" + words):
        make_module(generator)


def test_pairs_of_unknown_quality_are_refused(images: ImageSet, tmp_path: Path) -> None:
    for side, files in images._asdict().items():
        for kind in ("original", "compressed"):
            (tmp_path / kind / side).mkdir(parents=True)
            for file in files:
                with Image.open(file) as image:
                    image.save(tmp_path / kind / side / file.name)
    given = GivenPairs(tmp_path / "original", tmp_path / "compressed", tmp_path / "store", workers=0)
    with pytest.raises(ValueError, match="that of 6 of 6 images is not known"):
        fit(make_module(), given)


def test_codecs_without_weights_are_refused(images: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not for those of webp"):
        fit(make_module(), mixed(images, tmp_path, WebP(), 50))
