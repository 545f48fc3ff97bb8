"""Second sources: the same filters written with NumPy's convolution, and conversion in floating point."""

import numba
import numpy as np
import pytest
from numba.core.caching import CacheImpl

from biasgan.codecs.bpg_planes import compiled, join, split

NARROWING = np.array([2, -4, -8, 17, 57, 57, 17, -8, -4, 2])
WIDENING = np.array([-1, 4, -10, 57, 18, -6, 2])
FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def along(axis: int, samples: np.ndarray, taps: np.ndarray, before: int, after: int) -> np.ndarray:
    """Correlate along one axis, with repeated ends."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (before, after)
    padded = np.pad(samples.astype(np.int64), padding, mode="edge")
    return np.apply_along_axis(np.convolve, axis, padded, taps[::-1], mode="valid")


def narrowed(plane: np.ndarray) -> np.ndarray:
    across = (along(1, plane, NARROWING, 4, 5)[:, ::2] + 1) >> 1
    return ((along(0, across, NARROWING, 4, 5)[::2] + 4096) >> 13).clip(0, 255)


def widened(plane: np.ndarray, axis: int) -> np.ndarray:
    odd = along(axis, plane, WIDENING, 3, 3)
    even = along(axis, plane, WIDENING[::-1], 3, 3)
    both = np.stack([even, odd], axis=axis + 1)
    return both.reshape([side * (1 + (number == axis)) for number, side in enumerate(plane.shape)])


def to_rgb(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    y, b, r = luma.astype(float), cb - 128.0, cr - 128.0
    rgb = np.stack([y + 1.402 * r, y - 0.344136286 * b - 0.714136286 * r, y + 1.772 * b], axis=2)
    return rgb.clip(0, 255)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


SIZES = [(1, 1), (1, 9), (8, 1), (2, 2), (13, 7), (40, 33)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pictures_become_planes(height: int, width: int) -> None:
    image = noise(1, height, width, 3)
    full = [np.zeros((height, width), np.uint8) for _ in range(3)]
    split(image, full, halved=False)
    exact = image @ FROM_RGB.T + (0, 128, 128)
    assert np.abs(np.stack(full, axis=2) - exact.clip(0, 255)).max() <= 0.5 + 1e-3

    halves = [(height + 1) // 2, (width + 1) // 2]
    planes = [np.zeros((height, width), np.uint8), *(np.zeros(halves, np.uint8) for _ in range(2))]
    split(image, planes, halved=True)
    assert np.array_equal(planes[0], full[0])
    assert np.array_equal(planes[1], narrowed(full[1]))
    assert np.array_equal(planes[2], narrowed(full[2]))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_planes_become_pictures(height: int, width: int) -> None:
    half_height, half_width = (height + 1) // 2, (width + 1) // 2
    luma = noise(2, height, width)
    quarter = noise(3, 2, half_height, half_width)
    wide = [(widened(widened(plane, 0), 1) + 2048) >> 12 for plane in quarter]
    expected = to_rgb(luma, *(plane.clip(0, 255)[:height, :width] for plane in wide))
    assert np.abs(join([luma, *quarter], height, width, True, True) - expected).max() <= 0.5 + 1e-3

    half = noise(4, 2, height, half_width)
    wide = [(widened(plane, 1) + 32) >> 6 for plane in half]
    expected = to_rgb(luma, *(plane.clip(0, 255)[:, :width] for plane in wide))
    assert np.abs(join([luma, *half], height, width, False, True) - expected).max() <= 0.5 + 1e-3

    full = noise(5, 2, height, width)
    assert np.abs(join([luma, *full], height, width, False, False) - to_rgb(luma, *full)).max() <= 0.5 + 1e-3


def test_only_the_picture_counts() -> None:
    """Neither the padding of rows nor the blocks beyond the picture reach the filters."""
    planes = [noise(6, 32, 48), noise(7, 16, 24), noise(8, 16, 24)]
    spoilt = [plane.copy() for plane in planes]
    for plane, height, width in zip(spoilt, (27, 14, 14), (41, 21, 21), strict=True):
        plane[height:] = 0
        plane[:, width:] = 255
    assert np.array_equal(join(planes, 27, 41, True, True), join(spoilt, 27, 41, True, True))


def test_planes_are_extended_by_their_last_samples() -> None:
    planes = [np.zeros((16, 24), np.uint8), np.zeros((8, 12), np.uint8), np.zeros((8, 12), np.uint8)]
    split(noise(9, 11, 17, 3), planes, halved=True)
    for plane, height, width in zip(planes, (11, 6, 6), (17, 9, 9), strict=True):
        part = plane[:height, :width]
        expected = np.pad(part, ((0, plane.shape[0] - height), (0, plane.shape[1] - width)), mode="edge")
        assert np.array_equal(plane, expected)


def test_grey_is_luma() -> None:
    image = noise(10, 9, 12)
    planes = [np.zeros((16, 16), np.uint8)]
    split(image, planes, halved=False)
    assert np.array_equal(join(planes, 9, 12, False, False), image[..., np.newaxis].repeat(3, axis=2))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255), (17, 200, 90)])
def test_flat_pictures_stay_flat(colour: tuple[int, int, int]) -> None:
    image = np.full((10, 14, 3), colour, np.uint8)
    planes = [np.zeros((16, 16), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)]
    split(image, planes, halved=True)
    restored = join(planes, 10, 14, True, True)
    assert np.abs(restored.astype(int) - image).max() <= 2
    assert (restored == restored[0, 0]).all()


def test_kernels_that_can_be_kept_nowhere_are_compiled_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def double(number: int) -> int:
        return 2 * number

    with monkeypatch.context() as patch:
        patch.setattr(CacheImpl, "_locator_classes", [])
        with pytest.raises(RuntimeError, match="cannot cache"):
            numba.njit(cache=True)(double)
        kernel = compiled(double)
    assert kernel(21) == 42
