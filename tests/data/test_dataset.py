import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from biasgan.codecs.jpeg import JPEG
from biasgan.data.dataset import Crop, Pair, PairDataset, ValidationPairs, cut, uniform
from biasgan.data.order import ImageOrder
from biasgan.data.pairs.store import StoredEntry, map_pixels
from biasgan.data.samplers import IterationSampler, Sample
from biasgan.io.images import read_image

from .conftest import MakeImages, coded_entries

PATCH = 32


@pytest.fixture
def sources(make_images: MakeImages) -> list[Path]:
    return make_images(5)


@pytest.fixture
def entries(tmp_path: Path, sources: list[Path]) -> list[StoredEntry]:
    return coded_entries(sources, tmp_path / "store")


def dataset_of(entries: list[StoredEntry], patch_size: int, batch_size: int, seed: int) -> PairDataset:
    return PairDataset(entries, patch_size, batch_size, ImageOrder([len(entries)], 1, seed))


def batches(
    entries: list[StoredEntry], batch_size: int, start: int = 0, rank: int = 0, world_size: int = 1, workers: int = 0
) -> list[Pair]:
    loader: DataLoader[Pair] = DataLoader(
        dataset_of(entries, PATCH, batch_size * world_size, seed=3),
        batch_sampler=IterationSampler(6, start, batch_size, rank, world_size),
        collate_fn=Pair._make,
        num_workers=workers,
    )
    return list(loader)


def same(first: list[Pair], second: list[Pair]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(one, other)
        for pair, other_pair in zip(first, second, strict=True)
        for one, other in zip(pair, other_pair, strict=True)
    )


# Python 3.12 and later warn when a process with threads forks; workers only copy bytes.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_do_not_change_the_samples(entries: list[StoredEntry]) -> None:
    alone = batches(entries, 4)
    torch.manual_seed(99)
    np.random.default_rng()
    assert same(alone, batches(entries, 4, workers=2))


def test_ranks_share_what_one_process_would_see(entries: list[StoredEntry]) -> None:
    alone = batches(entries, 6)
    ranks = [batches(entries, 2, rank=rank, world_size=3) for rank in range(3)]
    joined = [Pair(*map(torch.cat, zip(*parts, strict=True))) for parts in zip(*ranks, strict=True)]
    assert same(alone, joined)


def test_a_resumed_run_sees_the_tail(entries: list[StoredEntry]) -> None:
    assert same(batches(entries, 4)[2:], batches(entries, 4, start=2))


def test_seeds_and_iterations_differ(entries: list[StoredEntry]) -> None:
    samples = [Sample(iteration, slot) for iteration in range(20) for slot in range(4)]
    crops = {dataset_of(entries, PATCH, 4, seed).crop(s, entries[0]) for seed in range(3) for s in samples}
    assert len(crops) > 200
    assert not same(batches(entries, 4), batches(entries, 4, start=1)[:1])


def test_every_image_once_in_each_pass(entries: list[StoredEntry]) -> None:
    numbers = torch.cat([batch.index for batch in batches(entries, 5)]).reshape(6, 5)
    assert numbers.sort(dim=1).values.tolist() == [[0, 1, 2, 3, 4]] * 6
    assert len({tuple(order) for order in numbers.tolist()}) > 2


def test_a_batch_larger_than_the_set_goes_round(entries: list[StoredEntry]) -> None:
    (first, *_) = batches(entries, 13)
    assert torch.bincount(first.index).sort().values.tolist() == [2, 2, 3, 3, 3]


def test_pairs_are_the_same_crop_of_the_whole_coded_image(entries: list[StoredEntry], sources: list[Path]) -> None:
    dataset = dataset_of(entries, PATCH, 40, seed=0)
    samples = [Sample(0, slot) for slot in range(40)]
    pair = dataset.__getitems__(samples)
    turns: set[int] = set()
    for place, sample in enumerate(samples):
        number = int(pair.index[place])
        image = read_image(sources[number])
        crop = dataset.crop(sample, entries[number])
        turns.add(crop.turn)
        assert np.array_equal(pair.original[place].numpy(), expected(image, crop))
        assert np.array_equal(pair.compressed[place].numpy(), expected(JPEG().encode(image, 20).image, crop))
    assert turns == set(range(8))
    assert pair.compressed.shape == pair.original.shape == (40, PATCH, PATCH, 3)
    assert pair.compressed.dtype == torch.uint8
    assert pair.index.dtype == torch.int64


def expected(image: np.ndarray, crop: Crop) -> np.ndarray:
    square = image[crop.top : crop.top + PATCH, crop.left : crop.left + PATCH]
    square = np.flipud(square) if crop.turn & 1 else square
    square = np.fliplr(square) if crop.turn & 2 else square
    return np.swapaxes(square, 0, 1) if crop.turn & 4 else square


def test_orientations_are_the_eight_of_a_square() -> None:
    square = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    seen: set[bytes] = set()
    for turn in range(8):
        out = np.empty_like(square)
        cut(square, Crop(0, 0, turn), 3, out)
        assert sorted(map(tuple, out.reshape(9, 3).tolist())) == sorted(map(tuple, square.reshape(9, 3).tolist()))
        seen.add(out.tobytes())
    group = {np.rot90(s, k).tobytes() for s in (square, square[::-1]) for k in range(4)}
    assert seen == group


def test_crops_reach_every_edge(entries: list[StoredEntry]) -> None:
    dataset = dataset_of(entries, 68, 64, seed=0)
    crops = [dataset.crop(Sample(i, slot), entries[0]) for i in range(20) for slot in range(64)]
    assert {crop.top for crop in crops} == {0, 1, 2}
    assert {crop.left for crop in crops} == set(range(23))
    whole = dataset_of(entries, 70, 1, seed=0)
    assert {whole.crop(Sample(i, 0), entries[0]).top for i in range(20)} == {0}


def test_crops_are_even() -> None:
    draws = np.array([uniform(0, iteration, 16) for iteration in range(500)]).reshape(-1, 3)
    assert np.allclose(draws.mean(axis=0), 0.5, atol=0.02)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.05
    assert uniform(1, 0, 16) != uniform(0, 1, 16)


def test_more_slots_do_not_change_the_first() -> None:
    assert uniform(5, 7, 64)[:16] == uniform(5, 7, 16)


def test_datasets_can_be_sent_to_workers_of_any_kind(entries: list[StoredEntry]) -> None:
    dataset = dataset_of(entries, PATCH, 4, seed=0)
    samples = [Sample(1, 2), Sample(0, 3)]
    first = dataset.__getitems__(samples)
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(pickle.dumps(dataset)) < 5000
    assert same([first], [copy.__getitems__(samples)])


def test_only_the_pages_of_a_crop_are_read(tmp_path: Path) -> None:
    status = Path("/proc/self/smaps")
    if not status.is_file():
        pytest.skip("needs Linux")
    height, width = 2000, 100_000
    file = tmp_path / "sparse.npy"
    header = np.lib.format.open_memmap(file, "w+", np.uint8, (height, width, 3))
    header[0, 0] = 1
    del header
    pixels = map_pixels(file, height, width)
    out = np.empty((PATCH, PATCH, 3), np.uint8)
    cut(pixels, Crop(1000, 50_000, 7), PATCH, out)
    lines = status.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.endswith("sparse.npy"))
    kilobytes = next(int(line.split()[1]) for line in lines[begin:] if line.startswith("Rss:"))
    assert kilobytes <= PATCH * 64 + 64
    assert not out.any()


def test_validation_shows_whole_images(entries: list[StoredEntry], sources: list[Path]) -> None:
    pairs = ValidationPairs(entries)
    assert len(pairs) == 5
    pair = pairs[3]
    assert np.array_equal(pair.original.numpy(), read_image(sources[3]))
    assert np.array_equal(pair.compressed.numpy(), JPEG().encode(read_image(sources[3]), 20).image)
    assert pair.index == 3
    assert pair.original.shape == (73, 90, 3)


def test_a_pair_survives_its_way_between_processes() -> None:
    pair = Pair(torch.rand(2, 4, 4, 3), torch.rand(2, 4, 4, 3), torch.tensor([7, 2]))
    assert same([pickle.loads(pickle.dumps(pair))], [pair])
