from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from biasgan.inference.restorer import Restorer
from biasgan.io.images import ImageError

from .profiles import GREY_PROFILE, PROFILE


class Inverse(nn.Module):
    """A network whose result is known: 1 - image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        nn.init.eye_(self.conv.weight.data.view(3, 3)).neg_()
        nn.init.ones_(self.conv.bias)  # pyright: ignore[reportArgumentType] - it has one

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image)


@pytest.fixture(scope="module")
def restore() -> Restorer:
    return Restorer(Inverse(), "cpu", "32")


def levels(*shape: int, kind: str = "uint8") -> np.ndarray:
    return np.random.default_rng(4).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 1, 3)])
def test_arrays_of_whole_numbers(restore: Restorer, kind: str, shape: tuple[int, ...]) -> None:
    array = levels(*shape, kind=kind)
    restored = restore(array)
    assert (restored.shape, restored.dtype) == (array.shape, array.dtype)
    if shape[2:] == (4,):
        assert np.array_equal(restored[..., 3], array[..., 3])
        array, restored = array[..., :3], restored[..., :3]
    assert np.array_equal(restored, np.iinfo(kind).max - array)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_arrays_of_floating_point_numbers(restore: Restorer, kind: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(4).random(shape).astype(kind)
    restored = restore(array)
    assert (restored.shape, restored.dtype) == (array.shape, array.dtype)
    if shape[2:] == (4,):
        assert np.array_equal(restored[..., 3], array[..., 3])
        array, restored = array[..., :3], restored[..., :3]
    np.testing.assert_allclose(restored, 1 - array, atol=1e-3 if kind == "float16" else 1e-6)


def test_arrays_may_be_views_and_stay_as_they_are(restore: Restorer) -> None:
    array = levels(6, 8, 3)
    before = array.copy()
    turned = np.rot90(array)[::-1, ::2]
    assert np.array_equal(restore(turned), 255 - turned)
    assert np.array_equal(array, before)
    array.flags.writeable = False
    assert np.array_equal(restore(array), 255 - array)


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 3, 5, 7)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors(restore: Restorer, shape: tuple[int, ...], kind: torch.dtype) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(kind).requires_grad_()
    restored = restore(images)
    assert (restored.shape, restored.dtype, restored.device) == (images.shape, kind, images.device)
    assert not restored.requires_grad
    torch.testing.assert_close(restored, 1 - images.detach(), atol=1e-2 if kind == torch.bfloat16 else 1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "1", "P", "CMYK"])
def test_pictures_and_files(restore: Restorer, tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(levels(6, 5, kind="uint16")) if mode == "I;16" else Image.fromarray(levels(6, 5, 3))
    picture = picture if mode == "I;16" else picture.convert(mode)
    profile = PROFILE if mode in ("RGB", "RGBA", "P") else GREY_PROFILE
    picture.info["icc_profile"] = profile
    expected_mode = {"1": "L", "P": "RGB", "CMYK": "RGB"}.get(mode, mode)
    restored = restore(picture)
    assert restored.mode == expected_mode
    before, after = np.asarray(picture.convert(expected_mode)), np.asarray(restored)
    if mode in ("LA", "RGBA"):
        assert np.array_equal(after[..., -1], before[..., -1])
        before, after = before[..., :-1], after[..., :-1]
    if mode != "CMYK":
        assert restored.info["icc_profile"] == profile
        assert np.array_equal(after, np.iinfo(before.dtype).max - before)
        picture.save(tmp_path / "a.png", icc_profile=profile)
        for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
            again = restore(path)
            assert again.info["icc_profile"] == profile
            assert np.array_equal(np.asarray(again), np.asarray(restored))


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_blends(restore: Restorer, strength: float) -> None:
    array = levels(9, 9, 3)
    blended = (1 - strength) * array + strength * (255.0 - array)
    assert np.abs(restore(array, strength) - blended).max() <= 0.501
    if strength == 0:
        assert np.array_equal(restore(array, strength), array)
        tensor = torch.rand(3, 5, 5)
        assert torch.equal(restore(tensor, strength), tensor)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((5, 7, 2), np.uint8), r"an array \(H, W\), \(H, W, 3\) or \(H, W, 4\), got \(5, 7, 2\)"),
        (np.zeros((1, 5, 7, 3), np.uint8), r"got \(1, 5, 7, 3\)"),
        (np.zeros((0, 7, 3), np.uint8), r"got \(0, 7, 3\)"),
        (np.zeros(7, np.uint8), r"got \(7,\)"),
        (np.zeros((5, 7, 3), np.int64), "uint8, uint16, or floating-point numbers .* got int64"),
        (np.full((5, 7, 3), 255.0), r"numbers in \[0, 1\], got 255 to 255"),
        (np.full((5, 7), np.nan, np.float32), "got nan to nan"),
        (torch.zeros(5, 7, 3), r"a tensor \(3, H, W\) or \(N, 3, H, W\) .* got \(5, 7, 3\) float32"),
        (torch.zeros(3, 5, 7, dtype=torch.uint8), "got .* uint8"),
        (torch.zeros(0, 3, 5, 7), "got .0, 3, 5, 7"),
        (torch.full((3, 5, 7), -0.5), "got -0.5 to -0.5"),
        (torch.full((3, 5, 7), torch.nan), "got nan to nan"),
    ],
)
def test_what_is_no_image_is_refused(restore: Restorer, image: np.ndarray | Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        restore(image)


def test_other_things_are_refused(restore: Restorer, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="expected a path, a PIL image, a NumPy array or a tensor, got list"):
        restore([[0.5]])  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(ImageError, match=r"none\.png cannot be read: No such file"):
        restore(tmp_path / "none.png")
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="strength must be from 0, the image as it is, to 1"):
            restore(torch.zeros(3, 4, 4), strength)
