import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from pyiqa.archs import fid_arch
from pyiqa.archs.inception import InceptionV3
from scipy import linalg
from skimage import data
from torch import Tensor

from biasgan.io.images import to_tensor, write_png
from biasgan.metrics import fid
from biasgan.metrics.fid import FID, KID, PatchFID, frechet_distance, resize

from .conftest import MakeUp

FEW = "ignore:.* vectors, fewer than 2048:UserWarning"


@pytest.fixture
def originals() -> list[np.ndarray]:
    """Photographs of different sizes."""
    return [data.astronaut()[:340, :300], data.coffee()[:256, :390], data.chelsea()]


def normal(count: int, mean: float, seed: int, features: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(features, features, generator=generator, dtype=torch.float64)
    return torch.randn(count, features, generator=generator, dtype=torch.float64) @ mixed + mean


@pytest.mark.parametrize(("count", "others"), [(50, 50), (50, 30), (9, 400)])
def test_frechet_distance_is_that_of_the_matrix_square_root(count: int, others: int) -> None:
    one, other = normal(count, 0.0, 1), normal(others, 0.5, 2)
    a, b = np.cov(one.numpy(), rowvar=False), np.cov(other.numpy(), rowvar=False)
    root = np.asarray(linalg.sqrtm(a @ b))
    expected = (
        (one.mean(0) - other.mean(0)).square().sum().item() + np.trace(a + b).item() - 2 * np.trace(root).real.item()
    )
    assert frechet_distance(one, other).item() == pytest.approx(expected)
    torch.testing.assert_close(frechet_distance(other, one), frechet_distance(one, other))


def test_frechet_distance_of_fewer_vectors_than_dimensions() -> None:
    """With zeros as further features, which change no distance, both covariances are singular."""
    one, other = normal(20, 0.0, 1, features=4), normal(20, 0.5, 2, features=4)
    padded = [torch.nn.functional.pad(features, (0, 60)) for features in (one, other)]
    torch.testing.assert_close(frechet_distance(*padded), frechet_distance(one, other))


def test_frechet_distance_of_a_shift_and_a_scale() -> None:
    features = normal(500, 0.0, 3)
    assert frechet_distance(features, features).item() == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features + 2, features).item() == pytest.approx(8 * 2**2)
    spread = features.var(0).sum().item()
    centred = features - features.mean(0)
    assert frechet_distance(3 * centred, centred).item() == pytest.approx(4 * spread)


def test_kernel_distance_is_that_of_all_pairs() -> None:
    one, other = normal(40, 0.0, 1), normal(40, 0.3, 2)
    distance, different = KID().distance, ~torch.eye(40, dtype=torch.bool)

    def kernel(these: Tensor, those: Tensor) -> Tensor:
        return (these @ those.T / these.shape[1] + 1) ** 3

    within = kernel(one, one)[different].mean() + kernel(other, other)[different].mean()
    torch.testing.assert_close(distance(one, other), within - 2 * kernel(one, other).mean())
    halves = normal(2000, 0.0, 1).chunk(2)
    assert abs(distance(*halves)) < distance(one, other + 1) / 50


def test_pictures_are_resized_as_by_pyiqa(tmp_path: Path, originals: list[np.ndarray]) -> None:
    write_png(tmp_path / "0.png", originals[0])
    (theirs,) = fid_arch.ResizeDataset([tmp_path / "0.png"], mode="clean")
    torch.testing.assert_close(torch.tensor(resize(originals[0])).permute(2, 0, 1), theirs, rtol=0, atol=0)


@pytest.mark.filterwarnings(FEW)
def test_features_are_those_that_pyiqa_takes_of_png_files(
    make_up: MakeUp, tmp_path: Path, originals: list[np.ndarray]
) -> None:
    make_up("fid")
    metric = FID()
    for number, original in enumerate(originals):
        write_png(tmp_path / f"{number}.png", original)
        image = to_tensor(original)[None]
        metric.update(image.flip(3), image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = InceptionV3().eval()
    theirs = fid_arch.get_folder_features(
        str(tmp_path), network, num_workers=0, device=torch.device("cpu"), verbose=False
    )
    torch.testing.assert_close(torch.cat(metric.original_features), torch.tensor(theirs), rtol=1e-4, atol=1e-4)
    flipped, same = torch.cat(metric.image_features), torch.cat(metric.original_features)
    torch.testing.assert_close(metric.compute(), frechet_distance(flipped.double(), same.double()).float())
    assert metric.compute() > 0
    assert metric.protocol.weights.keys() == {"inception"}
    assert not metric.protocol.higher_is_better
    assert not metric.state_dict()


@pytest.mark.filterwarnings(FEW)
def test_many_patches_are_looked_at_a_few_at_a_time(make_up: MakeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    make_up("patch_fid")
    metric = PatchFID()
    network, sizes = metric._features[0], list[int]()

    def counted(batch: Tensor) -> Tensor:
        sizes.append(len(batch))
        return network(batch)

    metric._features = (counted,)
    image = to_tensor(data.astronaut())
    together = metric.features(image)
    monkeypatch.setattr(fid, "CHUNK", 2)
    torch.testing.assert_close(metric.features(image), together, rtol=1e-4, atol=1e-4)
    assert sizes == [5, 2, 2, 1]


@pytest.mark.filterwarnings(FEW)
def test_patches_lie_on_two_grids(make_up: MakeUp) -> None:
    make_up("patch_fid")
    metric = PatchFID()
    places = np.stack(np.broadcast_arrays(*np.ogrid[:520, :650], 0), axis=2)
    corners = [patch[0, 0, :2].tolist() for patch in metric.pictures(places)]
    assert corners == [[0, 0], [0, 256], [256, 0], [256, 256], [128, 128], [128, 384]]
    assert all(patch.shape == (256, 256, 3) for patch in metric.pictures(places))
    with pytest.raises(ValueError, match="patch FID needs sides of at least 256 pixels; got 300 x 255"):
        list(metric.pictures(places[:255, :300]))
    image = to_tensor(data.astronaut()[:300, :400])[None]
    metric.update(image, image)
    assert metric.image_features[0].shape == (1, 2048)


def test_few_images_are_warned_of(make_up: MakeUp, originals: list[np.ndarray]) -> None:
    make_up("kid")
    metric = KID()
    for original in originals[:2]:
        image = to_tensor(original)[None]
        metric.update(image, image)
    with pytest.warns(UserWarning, match="KID of 2 vectors, fewer than 2048: compare it with values of equally many"):
        metric.compute()


def test_without_weights_it_is_unavailable(make_up: MakeUp) -> None:
    metric = FID()
    assert metric.unavailable == ("No weights inception here. Fetch what is missing with\nbiasgan weights fetch fid")
    image = torch.zeros(1, 3, 8, 8)
    with pytest.raises(RuntimeError, match="No weights inception"):
        metric.update(image, image)
