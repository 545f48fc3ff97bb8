import io
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from biasgan.codecs.avif import AVIF
from biasgan.codecs.codec import CodecError
from biasgan.codecs.jpeg import JPEG
from biasgan.codecs.jpeg2000 import JPEG2000
from biasgan.codecs.pillow import PillowCodec
from biasgan.codecs.webp import WebP
from biasgan.data.sets import sample
from biasgan.io.images import read_image

LADDERS = [
    (JPEG(), (1, 10, 20, 30, 40, 50, 75, 100)),
    (JPEG("4:4:4", progressive=True), (1, 10, 20, 30, 40, 50, 75, 100)),
    (WebP(), (0, 10, 20, 30, 40, 50, 75, 100)),
    (AVIF(), (0, 10, 20, 30, 40, 50, 75, 100)),
    (JPEG2000(), (500, 320, 160, 80, 40, 20, 10, 5)),
]
CODECS = [codec for codec, _ in LADDERS]


def name(codec: PillowCodec | tuple[int, ...]) -> str | None:
    return codec.name if isinstance(codec, PillowCodec) else None


each_codec = pytest.mark.parametrize("codec", CODECS, ids=name)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(sample().valid[1])[:255, :301]


@pytest.mark.parametrize(("codec", "ladder"), LADDERS, ids=name)
def test_bits_and_fidelity_rise_along_the_ladder(
    photograph: np.ndarray, codec: PillowCodec, ladder: tuple[int, ...]
) -> None:
    coded = [codec.encode(photograph, quality) for quality in ladder]
    bits = [one.bits for one in coded]
    fidelity = [float(peak_signal_noise_ratio(photograph, one.image)) for one in coded]
    assert bits == sorted(set(bits))
    assert fidelity == sorted(set(fidelity))
    assert codec.larger_is_better == (ladder[0] < ladder[-1])
    assert codec.usual_quality in ladder


@each_codec
def test_the_ends_of_the_range_are_valid(photograph: np.ndarray, codec: PillowCodec) -> None:
    for quality in (codec.lowest_quality, codec.highest_quality):
        assert codec.encode(photograph, quality).image.shape == photograph.shape
    for quality in (codec.lowest_quality - 1, codec.highest_quality + 1):
        direction = "larger" if codec.larger_is_better else "smaller"
        with pytest.raises(ValueError, match=rf"{codec.name} quality .* \({direction} is better\); got {quality}"):
            codec.encode(photograph, quality)


@each_codec
def test_image_is_what_others_see_in_the_file(photograph: np.ndarray, codec: PillowCodec) -> None:
    coded = codec.encode(photograph, codec.usual_quality)
    assert (coded.image.shape, coded.image.dtype) == (photograph.shape, np.uint8)
    assert np.array_equal(codec.decode(coded.data), coded.image)
    with Image.open(io.BytesIO(coded.data)) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), coded.image)
        assert picture.format == codec.reader.format


@each_codec
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 13), (17, 33)])
def test_odd_sizes_stay(photograph: np.ndarray, codec: PillowCodec, size: tuple[int, int]) -> None:
    image = photograph[: size[0], : size[1]]
    for quality in (codec.lowest_quality, codec.usual_quality, codec.highest_quality):
        assert codec.encode(image, quality).image.shape == image.shape


@each_codec
def test_same_bytes_by_several_threads(photograph: np.ndarray, codec: PillowCodec) -> None:
    pictures = [photograph[row : row + 100] for row in range(4)]
    expected = [codec.encode(picture, codec.usual_quality).data for picture in pictures]
    assert len(set(expected)) == len(pictures)
    with ThreadPoolExecutor(4) as pool:
        coded = list(pool.map(lambda picture: codec.encode(picture, codec.usual_quality), 3 * pictures))
    assert [one.data for one in coded] == 3 * expected
    assert np.array_equal(coded[0].image, codec.decode(expected[0]))


@each_codec
def test_identity_tells_library_and_releases(codec: PillowCodec) -> None:
    assert codec.identity["codec"] == codec.name
    assert codec.identity["pillow"] == PIL.__version__
    assert str(codec.identity["library"]).lower().startswith(codec.library_name.lower())
    assert any(character.isdigit() for character in str(codec.identity["library"]))
    assert [other.identity for other in CODECS].count(codec.identity) == 1


@each_codec
def test_pickled_codecs_are_the_same(photograph: np.ndarray, codec: PillowCodec) -> None:
    copy = pickle.loads(pickle.dumps(codec))
    assert copy.identity == codec.identity
    assert copy.encode(photograph, codec.usual_quality).data == codec.encode(photograph, codec.usual_quality).data


@each_codec
def test_bad_images_are_named(codec: PillowCodec) -> None:
    with pytest.raises(CodecError, match=rf"{codec.name} takes images of \(H, W, 3\) uint8; got \(8, 8\) uint8"):
        codec.encode(np.zeros((8, 8), np.uint8), codec.usual_quality)
    with pytest.raises(CodecError, match=rf"{codec.name} takes .*; got \(0, 8, 3\) uint8"):
        codec.encode(np.zeros((0, 8, 3), np.uint8), codec.usual_quality)


@each_codec
def test_too_many_pixels_are_refused(codec: PillowCodec) -> None:
    # A view of a single pixel: nothing of that size is in memory.
    large = np.broadcast_to(np.zeros(3, np.uint8), (5794, 5792, 3))
    message = f"{codec.name} takes images of at most 33554432 pixels; got 5792 x 5794. Cut it into parts or make it"
    with pytest.raises(CodecError, match=message):
        codec.encode(large, codec.usual_quality)


@each_codec
def test_damaged_files_are_named(photograph: np.ndarray, codec: PillowCodec) -> None:
    data = codec.encode(photograph, codec.usual_quality).data
    for damaged in (b"", b"no picture", data[:20], data[: len(data) // 2]):
        with pytest.raises(CodecError, match=f"{codec.name} cannot decode {len(damaged)} bytes: ."):
            codec.decode(damaged)


def test_files_of_other_codecs_are_refused(photograph: np.ndarray) -> None:
    codecs = [JPEG(), WebP(), AVIF(), JPEG2000()]
    for codec in codecs:
        for other in codecs:
            data = other.encode(photograph[:16, :16], other.usual_quality).data
            if other is not codec:
                with pytest.raises(CodecError, match=f"{codec.name} cannot decode {len(data)} bytes"):
                    codec.decode(data)


@pytest.mark.parametrize(("kind", "module"), [(WebP, "PIL._webp"), (AVIF, "PIL._avif")])
def test_pillow_without_a_codec_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: type[PillowCodec], module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"Pillow {PIL.__version__} was built without {kind.library_name}, .*codec={kind.name}.*; install .* pip "
    with pytest.raises(ImportError, match=message):
        kind()


@each_codec
def test_pillows_own_limit_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, photograph: np.ndarray, codec: PillowCodec
) -> None:
    coded = codec.encode(photograph, codec.usual_quality)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", photograph.size // 3 - 1)
    assert np.array_equal(codec.decode(coded.data), coded.image)
