import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from biasgan.codecs.codec import CodecError
from biasgan.codecs.jpeg import JPEG
from biasgan.inference.photo import Photo, read_photo
from biasgan.inference.restorer import Restorer
from biasgan.metrics.fidelity import psnr as reference
from biasgan.trying import trial
from biasgan.trying.trial import CODECS, Trials, available, psnr, rows

SETTINGS = ("JPEG", 20, "bundled", 1.0, 1.0)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A smooth picture in three colours with a little noise."""
    random = np.random.default_rng(0)
    slopes = np.add.outer(np.arange(40), np.arange(56))[..., np.newaxis] * [2, 1, 2.5] % 256
    Image.fromarray((slopes + random.normal(0, 4, slopes.shape)).clip(0, 255).astype(np.uint8)).save(
        tmp_path / "photo.png"
    )
    return str(tmp_path / "photo.png")


def test_a_photograph_is_compressed_restored_and_compared(photo: str) -> None:
    done = Trials()(photo, *SETTINGS)
    original = read_photo(photo).colour
    coded = JPEG().encode(original, 20)
    assert done.given.original
    assert done.triangle
    assert np.array_equal(done.given.original.colour, original)
    assert np.array_equal(done.given.compressed.colour, coded.image)
    assert done.given.bits_per_pixel == coded.bits / (40 * 56)
    restored = torch.from_numpy(done.restored.colour)[None].permute(0, 3, 1, 2) / 255
    expected = reference(restored, read_photo(photo).to_image()[None]).item()
    assert psnr(done.triangle.restored_original) == pytest.approx(expected, abs=1e-4)
    assert [label for label, _ in rows(done)] == ["bits per pixel", "PSNR, compressed", "PSNR, restored", "deviation"]


def test_what_is_taken_as_it_is_has_no_original(photo: str) -> None:
    done = Trials()(photo, None, 0, *SETTINGS[2:])
    assert (done.given.original, done.triangle) == (None, None)
    assert rows(done) == [("bits per pixel", f"{8 * Path(photo).stat().st_size / (40 * 56):.3f}")]


def test_strength_goes_from_the_compressed_photograph_on(photo: str) -> None:
    none = Trials()(photo, *SETTINGS[:-1], 0.0)
    assert none.triangle
    assert np.array_equal(none.restored.colour, none.given.compressed.colour)
    assert none.triangle.deviation == pytest.approx(-100)


def test_only_what_another_setting_changes_is_done_again(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    restored: list[int] = []
    restore = Restorer.restore
    monkeypatch.setattr(Restorer, "restore", lambda *given: restored.append(1) or restore(*given))
    trials = Trials()
    results = [trials(photo, *SETTINGS[:-1], strength).restored.colour for strength in (1.0, 0.5, 1.0)]
    assert restored == [1]
    assert np.array_equal(results[0], results[2])
    trials(photo, "JPEG", 10, *SETTINGS[2:])
    trials(photo, "JPEG", 10, "bundled", 0.0, 1.0)
    assert restored == [1, 1, 1]


def test_grey_and_transparent_photographs_are_compressed_too(tmp_path: Path) -> None:
    slope = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    Image.fromarray(slope).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([slope] * 3 + [255 - slope])).save(tmp_path / "clear.png")
    grey, clear = (Trials()(str(tmp_path / name), *SETTINGS) for name in ("grey.png", "clear.png"))
    assert not grey.restored.grey
    assert clear.restored.alpha is not None
    assert np.array_equal(clear.restored.alpha, 255 - slope)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg is not an image"):
        Trials()(str(tmp_path / "broken.jpg"), *SETTINGS)


def test_what_is_too_large_for_a_codec_is_refused(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JPEG, "most_pixels", 100)
    with pytest.raises(CodecError, match="at most 100 pixels"):
        Trials()(photo, *SETTINGS)


def test_codecs_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing(JPEG):
        def __init__(self) -> None:
            raise ImportError

    assert {"JPEG", "WebP"} <= set(available()) <= set(CODECS)
    monkeypatch.setitem(CODECS, "WebP", Missing)
    assert "WebP" not in available()


def test_equal_photographs_differ_by_nothing() -> None:
    one = Photo(np.zeros((2, 2, 3), np.uint8))
    assert trial.difference(one, one) == 0
    assert psnr(0) == math.inf
