import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from biasgan.networks.jpeg_level import TABLE, jpeg_level, kernels


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """One that shows no trace of an earlier compression, since it was made smaller."""
    return Image.fromarray(data.astronaut()).resize((400, 400), Image.Resampling.LANCZOS)


def as_image(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255


def compressed(picture: Image.Image, quality: int, subsampling: str = "4:2:0") -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(file)


def told_by_file(picture: Image.Image) -> float:
    tables: dict[int, list[int]] = picture.quantization  # pyright: ignore[reportAttributeAccessIssue] - of JPEGs alone
    return float(np.log2(tables[0]).mean())


@pytest.mark.parametrize("quality", [15, 30, 50, 75, 90, 95])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_the_level_is_that_of_the_tables(photograph: Image.Image, quality: int, subsampling: str) -> None:
    file = compressed(photograph, quality, subsampling)
    expected = pytest.approx(told_by_file(file), abs=0.15)
    image = as_image(file)
    assert jpeg_level(image).item() == expected
    # Wherever the grid begins, and however the picture is turned.
    crops = torch.cat([image[..., 101:229, 133:261], image[..., 101:229, 133:261].transpose(2, 3).flip(2)])
    assert jpeg_level(crops).tolist() == [expected, expected]


def test_coarser_steps_have_a_higher_level(photograph: Image.Image) -> None:
    levels = [jpeg_level(as_image(compressed(photograph, quality))).item() for quality in (5, 10, 20, 40, 80)]
    assert levels[0] > levels[1] + 0.7 > levels[2] + 1.4
    assert levels[2] > levels[3] + 0.7 > levels[4] + 1.4
    assert levels[0] < 9.1


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_divisors_of_the_steps_are_not_taken_for_them(factor: int) -> None:
    """What lies on multiples of 64 lies on those of 32 and 16 too."""
    steps = factor * torch.tensor(TABLE).flatten().float()
    multiples = torch.randint(-2, 3, (16, 16, 64), generator=torch.Generator().manual_seed(0))
    blocks = (steps * multiples) @ kernels().reshape(64, 64)
    luma = blocks.reshape(16, 16, 8, 8).transpose(1, 2).reshape(128, 128)
    (found,) = jpeg_level(((luma + 128) / 255).expand(1, 3, -1, -1)).tolist()
    assert found == pytest.approx(steps.log2().mean().item(), abs=0.1)


def test_tables_of_another_shape_are_measured_too(photograph: Image.Image) -> None:
    file = io.BytesIO()
    flat = [12] * 64
    photograph.save(file, "JPEG", qtables=[flat, flat], subsampling="4:4:4")
    assert jpeg_level(as_image(Image.open(file))).item() == pytest.approx(np.log2(12) + 0.5, abs=0.6)


def test_of_two_compressions_the_last_counts(photograph: Image.Image) -> None:
    once = compressed(photograph, 30).crop((3, 5, 400, 400))
    twice = compressed(once, 80)
    assert jpeg_level(as_image(twice)).item() == pytest.approx(told_by_file(twice), abs=0.15)


def test_what_is_no_jpeg_has_none(photograph: Image.Image) -> None:
    image = as_image(photograph)
    smaller = as_image(compressed(photograph, 20).resize((300, 300), Image.Resampling.LANCZOS))
    flat = torch.full((1, 3, 64, 64), 0.3)
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for untouched in (image, smaller, flat, noise, image[..., :14, :]):
        assert jpeg_level(untouched).tolist() == [0]
