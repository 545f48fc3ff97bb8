import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from biasgan.evaluation.kept import NOTE, Measurement, Note, digest, read_kept, write_kept
from biasgan.io.images import read_image, write_png

PIXELS = np.random.default_rng(2).integers(0, 256, (21, 34, 3), dtype=np.uint8)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    write_kept(tmp_path / "one.png", PIXELS, "weights and image", 0.25, "some processor")
    return tmp_path / "one.png"


def test_a_picture_says_what_it_was_made_of(kept: Path) -> None:
    found = read_kept(kept, "weights and image")
    assert found
    assert np.array_equal(found[0], PIXELS)
    assert np.array_equal(read_image(kept), PIXELS)
    assert found[1] == Note("weights and image", digest(PIXELS), 0.25, "some processor")
    assert read_kept(kept, "other weights") is None
    assert read_kept(kept.with_name("two.png"), "weights and image") is None


def test_a_picture_that_was_changed_does_not_count(kept: Path) -> None:
    """As by a program that edits pictures and keeps what they say."""
    with Image.open(kept) as picture:
        text = PngInfo()
        text.add_text(NOTE, picture.info[NOTE])
    changed = PIXELS.copy()
    for value, counts in ((PIXELS[3, 4, 0] ^ 1, False), (PIXELS[3, 4, 0], True)):
        changed[3, 4, 0] = value
        Image.fromarray(changed).save(kept, pnginfo=text)
        assert (read_kept(kept, "weights and image") is not None) == counts


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_picture_that_was_cut_off_does_not_count(kept: Path, share: float) -> None:
    content = kept.read_bytes()
    kept.write_bytes(content[: int(share * len(content))])
    assert read_kept(kept, "weights and image") is None


def test_somebody_elses_picture_does_not_count(kept: Path) -> None:
    write_png(kept, PIXELS)
    assert read_kept(kept, "weights and image") is None


def test_the_shape_counts_too() -> None:
    assert digest(PIXELS) != digest(PIXELS.reshape(34, 21, 3))
    assert digest(PIXELS) == digest(np.asfortranarray(PIXELS))


MEASUREMENT = Measurement(
    {"metric/psnr": torch.tensor([30.25, math.inf]), "scores": torch.rand(4, 3), "seconds": torch.tensor(math.nan)},
    {"of": "größe", "device": ""},
)


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    MEASUREMENT.write(tmp_path / "one.safetensors")
    read = Measurement.read(tmp_path / "one.safetensors")
    assert read
    assert read.note == MEASUREMENT.note
    assert read.values.keys() == MEASUREMENT.values.keys()
    for name, value in MEASUREMENT.values.items():
        torch.testing.assert_close(read.values[name], value, rtol=0, atol=0, equal_nan=True)
    assert [file.name for file in tmp_path.iterdir()] == ["one.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_what_is_missing_or_cut_off_is_none(tmp_path: Path, share: float) -> None:
    path = tmp_path / "one.safetensors"
    assert Measurement.read(path) is None
    MEASUREMENT.write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert Measurement.read(path) is None
