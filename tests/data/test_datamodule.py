from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from PIL import Image

from biasgan.codecs.jpeg import JPEG
from biasgan.data.datamodule import RestorationData
from biasgan.data.dataset import Pair
from biasgan.data.pairs.coded import CodedPairs
from biasgan.data.pairs.entry import names_of
from biasgan.data.pairs.store import StoredEntry
from biasgan.data.sets import ImageSet
from biasgan.io.images import ImageError, read_image, to_tensor

from .conftest import MakeImages

FORK = "ignore:This process .* is multi-threaded:DeprecationWarning"


def pairs_of(
    images: ImageSet,
    store: Path,
    patch_size: int = 32,
    batch_size: int = 4,
    iterations: int = 6,
    workers: int = 0,
    bad_images: Literal["stop", "skip"] = "stop",
) -> RestorationData:
    source = CodedPairs(images, JPEG(), 20, store, workers, bad_images)
    return RestorationData(source, patch_size, batch_size, iterations, workers=workers)


class Watcher(LightningModule):
    """Takes steps as a GAN does, and notes what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layer = torch.nn.Linear(1, 1)
        self.seen: list[list[int]] = []
        self.validated: list[int] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        assert batch.original.shape == (4, 3, 32, 32)
        assert batch.original.is_contiguous(memory_format=torch.channels_last)
        self.seen.append([*batch.index.tolist(), int(1e6 * batch.compressed.mean())])
        self.manual_backward(self.layer(torch.ones(1)).sum())
        optimizer.step()

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        assert batch.original.shape[:2] == (1, 3)
        self.validated += batch.index.tolist()


def trainer(folder: Path, max_steps: int) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        max_epochs=-1,
        num_sanity_val_steps=0,
        val_check_interval=3,
        check_val_every_n_epoch=None,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated", FORK)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_training_goes_on_where_it_stopped(tmp_path: Path, images: ImageSet, workers: int) -> None:
    whole, first, second = Watcher(), Watcher(), Watcher()
    trainer(tmp_path, 6).fit(whole, datamodule=pairs_of(images, tmp_path / "store", workers=workers))
    stopped = trainer(tmp_path, 4)
    stopped.fit(first, datamodule=pairs_of(images, tmp_path / "store", workers=workers))
    stopped.save_checkpoint(tmp_path / "last.ckpt")
    resumed = trainer(tmp_path, 6)
    resumed.fit(second, datamodule=pairs_of(images, tmp_path / "store"), ckpt_path=str(tmp_path / "last.ckpt"))
    assert len(whole.seen) == 6
    assert first.seen + second.seen == whole.seen
    assert second.validated[-2:] == [0, 1]


def test_facts_about_the_sets(tmp_path: Path, images: ImageSet) -> None:
    module = pairs_of(images, tmp_path / "store")
    module.prepare_data()
    module.setup("fit")
    coded = [JPEG().encode(read_image(file), 20) for file in images.valid]
    rates = [one.bits / one.image[..., 0].size for one in coded]
    assert [entry.bits_per_pixel for entry in module.valid_entries] == pytest.approx(rates)
    assert names_of(module.valid_entries) == ["05", "06"]
    assert (module.train_images, len(module.valid_entries)) == (5, 2)


def test_equal_names_are_told_apart(tmp_path: Path, make_images: MakeImages) -> None:
    valid = make_images(2, folder="a") + make_images(1, folder="b")
    module = pairs_of(ImageSet(make_images(1, folder="c"), valid), tmp_path / "store")
    module.setup("fit")
    assert names_of(module.valid_entries) == ["00", "01", "00-2"]


def test_batches_become_images_between_zero_and_one(tmp_path: Path, images: ImageSet) -> None:
    module = pairs_of(images, tmp_path / "store")
    module.setup("fit")
    loader = module.train_dataloader()
    batch = next(iter(loader))
    assert batch.original.dtype == torch.uint8
    image = module.on_after_batch_transfer(batch, 0)
    assert image.original.dtype == torch.float32
    assert torch.equal(image.original[0], to_tensor(batch.original[0].numpy()))
    assert image.original.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(image.index, batch.index)
    assert len(loader) == 6
    (first, second) = module.val_dataloader()
    assert torch.equal(module.on_after_batch_transfer(first, 0).original[0], to_tensor(read_image(images.valid[0])))
    assert second.index.tolist() == [1]


def test_images_smaller_than_a_patch_are_left_out_or_named(tmp_path: Path, images: ImageSet) -> None:
    Image.fromarray(np.zeros((31, 90, 3), np.uint8)).save(images.train[3])
    module = pairs_of(images, tmp_path / "store")
    for prepare in (module.prepare_data, lambda: module.setup("fit")):
        with pytest.raises(ImageError, match=r"03\.png has 90 x 31 pixels, less than patch_size=32"):
            prepare()
    module = pairs_of(images, tmp_path / "store", bad_images="skip")
    module.prepare_data()
    module.setup("fit")
    assert (module.train_images, len(module.valid_entries)) == (4, 2)


def test_damage_is_made_good_before_a_training(tmp_path: Path, images: ImageSet) -> None:
    module = pairs_of(images, tmp_path / "store")
    module.prepare_data()
    entry = module.source.open(32, tell=False).train[0]
    before = entry.pixels()[0].copy()
    assert isinstance(entry, StoredEntry)
    data = bytearray(entry.compressed.read_bytes())
    data[-300] ^= 1
    entry.compressed.write_bytes(data)
    assert not np.array_equal(entry.pixels()[0], before)
    module.prepare_data()
    module.setup("fit")
    assert np.array_equal(module.train_entries[0].pixels()[0], before)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("patch_size", 0, "patch_size must be at least 1; got 0"),
        ("batch_size", 0, "batch_size must be at least 1; got 0"),
        ("iterations", -1, "iterations must be at least 0; got -1"),
        ("workers", -1, "workers must be at least 0; got -1"),
        ("seed", -1, "seed must be at least 0; got -1"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, images: ImageSet, option: str, value: int, message: str) -> None:
    source = CodedPairs(images, JPEG(), 20, tmp_path)
    options = {"patch_size": 32, "batch_size": 4, "iterations": 6, option: value}
    with pytest.raises(ValueError, match=message):
        RestorationData(source, **options)
