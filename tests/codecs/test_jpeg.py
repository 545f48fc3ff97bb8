import io
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from biasgan.codecs.codec import CodecError
from biasgan.codecs.jpeg import JPEG
from biasgan.data.sets import sample
from biasgan.io.images import read_image

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


def test_progressive_has_the_same_pixels_in_fewer_bits(photograph: np.ndarray) -> None:
    for quality in (1, 20, 90, 100):
        baseline, progressive = (JPEG(progressive=scans).encode(photograph, quality) for scans in (False, True))
        assert np.array_equal(progressive.image, baseline.image)
        assert progressive.bits < baseline.bits
        with Image.open(io.BytesIO(progressive.data)) as picture:
            assert "progressive" in picture.info
        with Image.open(io.BytesIO(baseline.data)) as picture:
            assert "progressive" not in picture.info


def test_noise_fits_into_all_but_the_finest_progressive_files() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for codec in (JPEG(), JPEG("4:4:4"), JPEG(progressive=True)):
        assert codec.encode(noise, 100).image.shape == noise.shape
    with pytest.raises(CodecError, match=r"jpeg cannot encode 400 x 300 pixels: ."):
        JPEG("4:4:4", progressive=True).encode(noise, 100)


def test_identity_mentions_scans_only_if_progressive() -> None:
    assert JPEG(progressive=True).identity == {**JPEG().identity, "progressive": True}
    assert set(JPEG().identity) == {"codec", "subsampling", "library", "pillow"}


def with_size(data: bytes, height: int, width: int) -> bytes:
    """A file whose frame header claims another size."""
    claiming = bytearray(data)
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    struct.pack_into(">HH", claiming, frame + 5, height, width)
    return bytes(claiming)


@pytest.mark.parametrize(("height", "width"), [(5794, 5792), (65535, 65535)])
def test_sizes_in_the_head_are_checked(photograph: np.ndarray, height: int, width: int) -> None:
    data = with_size(JPEG().encode(photograph, 20).data, height, width)
    with pytest.raises(CodecError, match=f"jpeg takes images of at most 33554432 pixels; got {width} x {height}"):
        JPEG().decode(data)


DECODE = """
import sys
from biasgan.codecs.jpeg import JPEG
from tests.fuzz.codecs import resident
image = JPEG().decode(sys.stdin.buffer.read())
print(*image.shape, int(resident()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory was resident is read in /proc")
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_the_largest_size_that_a_head_may_claim_takes_less_than_a_gigabyte(mode: str) -> None:
    file = io.BytesIO()
    picture = Image.effect_noise((64, 64), 90).convert("RGB").convert(mode)
    picture.save(file, format="JPEG", subsampling="4:4:4", progressive=True)
    data = with_size(file.getvalue(), 8192, 4096)
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", DECODE], cwd=root, input=data, capture_output=True, check=True)
    height, width, _, mebibytes = map(int, done.stdout.split())
    assert (height, width) == (8192, 4096)
    assert height * width * 3 / 2**20 < mebibytes < 10**9 / 2**20


def test_damaged_exif_is_no_matter(photograph: np.ndarray) -> None:
    data = JPEG().encode(photograph, 20).data
    directory = b"Exif\0\0MM\0*\0\0\0\x08\x00\xff\x01\x1a\x00\x05\0\0\xff\xff\0\0\xff\xff"
    segment = b"\xff\xe1" + struct.pack(">H", len(directory) + 2) + directory
    without_jfif = data[:2] + segment + data[20:]
    with pytest.warns(UserWarning, match="EXIF|tag|Tag|Truncated"), Image.open(io.BytesIO(without_jfif)) as picture:
        picture.load()
    assert np.array_equal(JPEG().decode(without_jfif), JPEG().decode(data))
