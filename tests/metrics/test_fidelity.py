import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from biasgan.codecs.jpeg import JPEG
from biasgan.io.images import to_tensor
from biasgan.metrics.fidelity import PSNR, PSNRB, SSIM, LumaPSNR, LumaSSIM, luma, psnr, psnr_b, ssim
from biasgan.metrics.metric import ImageMetric

Picture = np.ndarray


@pytest.fixture(scope="module", params=[(200, 301), (64, 64), (101, 43)])
def pictures(request: pytest.FixtureRequest) -> list[tuple[Picture, Picture]]:
    """JPEG files of photographs, and the photographs."""
    height, width = request.param
    crops = [photo[:height, :width] for photo in (data.astronaut(), data.coffee())]
    return [(JPEG().encode(crop, 20).image, crop) for crop in crops]


def batch(pictures: list[Picture]) -> Tensor:
    return torch.stack([to_tensor(picture) for picture in pictures])


def y(picture: Picture) -> Picture:
    """Luma as MATLAB has it, by scikit-image."""
    return np.round(rgb2ycbcr(picture)[..., 0]).astype(np.uint8)


def skimage_ssim(image: Picture, original: Picture) -> float:
    channels = 2 if image.ndim == 3 else None
    value = structural_similarity(  # pyright: ignore[reportUnknownVariableType]
        image, original, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=channels
    )
    return float(value)  # pyright: ignore[reportArgumentType]


def skimage_psnr(image: Picture, original: Picture) -> float:
    return float(peak_signal_noise_ratio(original, image))


def slow_psnr_b(image: Picture, original: Picture) -> float:
    """PSNR-B as it is written down, one border after the other."""
    plane = y(image).astype(float)
    height, width = plane.shape
    at, between = 0.0, 0.0
    for column in range(width - 1):
        steps = ((plane[:, column] - plane[:, column + 1]) ** 2).sum()
        at, between = (at + steps, between) if column % 8 == 7 else (at, between + steps)
    for row in range(height - 1):
        steps = ((plane[row] - plane[row + 1]) ** 2).sum()
        at, between = (at + steps, between) if row % 8 == 7 else (at, between + steps)
    borders = height * (width // 8 - 1) + width * (height // 8 - 1)
    all_steps = height * (width - 1) + width * (height - 1)
    excess = max(0.0, at / borders - between / (all_steps - borders))
    error = ((image.astype(float) - original) ** 2).mean()
    return 10 * math.log10(255**2 / (error + excess * 3 / math.log2(min(height, width))))


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (PSNR, skimage_psnr),
        (SSIM, skimage_ssim),
        (LumaPSNR, lambda image, original: skimage_psnr(y(image), y(original))),
        (LumaSSIM, lambda image, original: skimage_ssim(y(image), y(original))),
        (PSNRB, slow_psnr_b),
    ],
)
def test_values_are_those_of_another_source(
    pictures: list[tuple[Picture, Picture]], kind: type[ImageMetric], reference: Callable[[Picture, Picture], float]
) -> None:
    metric = kind()
    metric.update(*(batch(list(side)) for side in zip(*pictures, strict=True)))
    expected = torch.tensor([reference(*pair) for pair in pictures])
    torch.testing.assert_close(metric.each(), expected, rtol=2e-6, atol=2e-6)
    torch.testing.assert_close(metric.compute(), expected.mean(), rtol=2e-6, atol=2e-6)


def test_luma_is_rounded_as_in_matlab() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    levels = luma(to_tensor(colours)[None])[0, 0] * 255
    torch.testing.assert_close(levels, torch.tensor(y(colours)).float(), atol=1e-4, rtol=0)
    extremes = luma(torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2)) * 255
    torch.testing.assert_close(extremes.flatten(), torch.tensor([16.0, 235.0]))


def test_one_channel_is_its_own_luma() -> None:
    plane = torch.rand(2, 1, 5, 6)
    assert luma(plane) is plane


def test_an_error_of_known_size() -> None:
    original = torch.full((1, 3, 32, 32), 0.5)
    image = original + 0.1
    torch.testing.assert_close(psnr(image, original), torch.tensor([20.0]))
    # Without steps there are no blocks.
    torch.testing.assert_close(psnr_b(image, original), torch.tensor([20.0]))
    similarity = (2 * 0.5 * 0.6 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
    torch.testing.assert_close(ssim(image, original), torch.tensor([similarity]), rtol=1e-4, atol=0)


def test_an_equal_image_has_the_best_values() -> None:
    photo = to_tensor(data.astronaut()[:64, :64])[None]
    assert psnr(photo, photo).item() == math.inf
    assert ssim(photo, photo).item() == pytest.approx(1, abs=1e-6)


def test_blocks_count_only_on_the_grid() -> None:
    original = torch.zeros(1, 3, 64, 64)
    image = torch.zeros(1, 3, 64, 64)
    image[..., 8:24] = 0.2
    assert psnr_b(image, original) < psnr(image, original) - 0.01
    beside = image.roll(3, dims=3)
    torch.testing.assert_close(psnr_b(beside, original), psnr(beside, original))


def test_strips_and_images_of_a_batch_are_seamless(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = to_tensor(data.astronaut()[:90, :70])
    images = torch.stack([(photo + noise * torch.randn_like(photo)).clamp(0, 1) for noise in (0.02, 0.2)])
    originals = photo.expand_as(images)
    values = ssim(images, originals)
    alone = torch.cat([ssim(image[None], photo[None]) for image in images])
    torch.testing.assert_close(values, alone)
    for rows in (1, 7, 1000):
        monkeypatch.setattr("biasgan.metrics.fidelity.STRIP", rows)
        torch.testing.assert_close(ssim(images, originals), values)


def test_ssim_is_as_exact_in_a_training_of_half_precision() -> None:
    image, original = (to_tensor(photo[:64, :64])[None] for photo in (data.astronaut(), data.coffee()))
    expected = ssim(image, original)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ssim(image, original), expected)


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ssim(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("function", "side"), [(ssim, 11), (psnr_b, 16)])
def test_images_that_are_too_small_are_refused(function: Callable[[Tensor, Tensor], Tensor], side: int) -> None:
    least = torch.rand(1, 3, side, side)
    assert function(least, 1 - least).isfinite().all()
    small = torch.rand(1, 3, 40, side - 1)
    with pytest.raises(ValueError, match=rf"needs sides of at least {side} pixels; got \(1, 3, 40, {side - 1}\)"):
        function(small, small)


@pytest.mark.parametrize("kind", [PSNR, SSIM, LumaPSNR, LumaSSIM, PSNRB])
def test_protocols_say_direction_and_colour(kind: type[ImageMetric]) -> None:
    original = to_tensor(data.astronaut()[:64, :64])[None]
    better, worse = ((original + noise * torch.randn_like(original)).clamp(0, 1) for noise in (0.02, 0.1))
    metric = kind()
    metric.update(better, original)
    metric.update(worse, original)
    assert (metric.each()[0] > metric.each()[1]) == metric.protocol.higher_is_better
    assert metric.protocol.colour.startswith("Y" if "Luma" in kind.__name__ else "RGB")
    assert metric.protocol.unit == ("dB" if "PSNR" in kind.__name__ else "")
    assert not metric.protocol.weights
