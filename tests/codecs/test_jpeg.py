import io
import pickle
from typing import Literal

import numpy as np
import PIL
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from biasgan.codecs.codec import CodecError
from biasgan.codecs.jpeg import JPEG
from biasgan.data.sets import sample
from biasgan.images import read_image

Subsampling = Literal["4:2:0", "4:2:2", "4:4:4"]


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(sample().valid[1])[:255, :301]


def test_bits_and_fidelity_rise_with_the_quality(photograph: np.ndarray) -> None:
    coded = [JPEG().encode(photograph, quality) for quality in (1, 10, 20, 50, 90, 100)]
    bits = [one.bits for one in coded]
    fidelity = [float(peak_signal_noise_ratio(photograph, one.image)) for one in coded]
    assert bits == sorted(set(bits))
    assert fidelity == sorted(set(fidelity))
    assert JPEG.larger_is_better


def test_more_chroma_is_better_and_dearer(photograph: np.ndarray) -> None:
    kinds: tuple[Subsampling, ...] = ("4:2:0", "4:2:2", "4:4:4")
    coded = [JPEG(kind).encode(photograph, 80) for kind in kinds]
    fidelity = [float(peak_signal_noise_ratio(photograph, one.image)) for one in coded]
    assert fidelity == sorted(set(fidelity))
    assert coded[0].bits < coded[1].bits < coded[2].bits


def test_the_bitstream_is_the_file(photograph: np.ndarray) -> None:
    coded = JPEG().encode(photograph, 20)
    assert coded.image.shape == photograph.shape
    assert coded.image.dtype == np.uint8
    assert coded.bits == 8 * len(coded.data)
    assert np.array_equal(JPEG().decode(coded.data), coded.image)
    with Image.open(io.BytesIO(coded.data)) as picture:
        assert np.array_equal(np.asarray(picture), coded.image)
        assert picture.format == "JPEG"
    assert JPEG().encode(photograph, 20).data == coded.data


def test_default_is_what_pillow_does_by_default(photograph: np.ndarray) -> None:
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, format="JPEG", quality=20)
    assert JPEG().encode(photograph, 20).data == file.getvalue()


@pytest.mark.parametrize("quality", [0, 101, -5, 20.5, "20", True, None])
def test_bad_qualities_are_named(quality: object, photograph: np.ndarray) -> None:
    message = rf"jpeg quality must be a whole number from 1 to 100 \(larger is better\); got {quality!r}. Set qf=20"
    with pytest.raises(ValueError, match=message):
        JPEG().check_quality(quality)
    with pytest.raises(ValueError, match=message):
        JPEG().encode(photograph, quality)  # pyright: ignore[reportArgumentType]


def test_bad_images_are_named() -> None:
    with pytest.raises(CodecError, match=r"jpeg takes images of \(H, W, 3\) uint8; got \(8, 8\) uint8"):
        JPEG().encode(np.zeros((8, 8), np.uint8), 20)
    with pytest.raises(CodecError, match="float64"):
        JPEG().encode(np.zeros((8, 8, 3)), 20)
    with pytest.raises(CodecError, match="jpeg cannot encode 66000 x 1 pixels"):
        JPEG().encode(np.zeros((1, 66000, 3), np.uint8), 20)


def test_damaged_bitstreams_are_errors(photograph: np.ndarray) -> None:
    data = JPEG().encode(photograph, 20).data
    for damaged in (b"", b"no JPEG", data[: len(data) // 2]):
        with pytest.raises(CodecError, match=f"jpeg cannot decode {len(damaged)} bytes"):
            JPEG().decode(damaged)


def test_identity_tells_what_the_bits_depend_on() -> None:
    identity = JPEG("4:4:4").identity
    assert identity["subsampling"] == "4:4:4"
    assert identity["pillow"] == PIL.__version__
    assert "jpeg" in str(identity["library"])
    assert identity != JPEG().identity
    assert pickle.loads(pickle.dumps(JPEG("4:4:4"))).identity == identity


def test_bad_subsampling_is_named() -> None:
    with pytest.raises(ValueError, match="must be 4:2:0, 4:2:2 or 4:4:4; got 4:1:1"):
        JPEG("4:1:1")  # pyright: ignore[reportArgumentType]
