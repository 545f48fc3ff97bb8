import re
import struct
from typing import cast, get_args

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from biasgan.codecs.avif import AVIF
from biasgan.codecs.codec import CodecError
from biasgan.codecs.pillow import Subsampling
from biasgan.data.sets import sample
from biasgan.io.images import read_image

KINDS = cast(tuple[Subsampling, ...], get_args(Subsampling))


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(sample().valid[1])[:255, :301]


def test_more_chroma_is_better(photograph: np.ndarray) -> None:
    coded = [AVIF(kind).encode(photograph, 80) for kind in KINDS]
    fidelity = [float(peak_signal_noise_ratio(photograph, one.image)) for one in coded]
    assert fidelity == sorted(set(fidelity))
    assert coded[0].bits < coded[2].bits


@pytest.mark.parametrize(("kind", "bits"), [*zip(KINDS, (0b11, 0b10, 0b00), strict=True)])
def test_the_file_says_its_subsampling_and_depth(photograph: np.ndarray, kind: Subsampling, bits: int) -> None:
    data = AVIF(kind).encode(photograph[:16, :16], 50).data
    # AV1 Codec ISO Media File Format Binding, 2.3.3: depth, grey and subsampling are in the third byte.
    flags = data[data.index(b"av1C") + 4 + 2]
    high_bit_depth, grey, subsampling = flags >> 6 & 1, flags >> 4 & 1, flags >> 2 & 0b11
    assert (high_bit_depth, grey, subsampling) == (0, 0, bits)


def test_identity_names_encoder_and_subsampling() -> None:
    assert re.search(r"aom v?3\.", str(AVIF().identity["library"]))
    assert {str(AVIF(kind).identity["subsampling"]) for kind in KINDS} == set(KINDS)


def test_sizes_in_the_head_are_checked(photograph: np.ndarray) -> None:
    data = bytearray(AVIF().encode(photograph, 20).data)
    struct.pack_into(">II", data, data.index(b"ispe") + 8, 16000, 16000)
    with pytest.raises(CodecError, match="avif takes images of at most 33554432 pixels; got 16000 x 16000"):
        AVIF().decode(bytes(data))


def test_bad_subsampling_is_named() -> None:
    with pytest.raises(ValueError, match="must be 4:2:0, 4:2:2 or 4:4:4; got 4:1:1"):
        AVIF("4:1:1")  # pyright: ignore[reportArgumentType]
