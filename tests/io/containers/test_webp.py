import io
import struct

import numpy as np
import pytest
from PIL import Image

from biasgan.io.containers.split import split

from .made import picture, saved, tags


def webp(**options: object) -> bytes:
    return saved(picture(), "WEBP", lossless=True, **options)


def test_pixels_are_alone_and_the_rest_is_kept() -> None:
    alone, metadata = split(webp(exif=tags("<", 6), icc_profile=b"mine", xmp=b"<xmp/>"))
    assert metadata
    assert (metadata.orientation, metadata.profile, metadata.xmp, metadata.animated) == (6, b"mine", b"<xmp/>", False)
    with Image.open(io.BytesIO(alone)) as shown:
        assert not set(shown.info) & {"exif", "icc_profile", "xmp"}
        assert np.array_equal(np.asarray(shown), picture())


@pytest.mark.parametrize("name", [b"EXIF", b"ICCP", b"XMP "])
@pytest.mark.parametrize("length", [0, 1, 5, 1000, 2**32 - 1])
def test_a_damaged_length_costs_no_pixels(name: bytes, length: int) -> None:
    data = webp(exif=tags("<", 6), icc_profile=bytes(range(65, 90)), xmp=b"<xmp/>")
    place = data.index(name) + 4
    alone, _ = split(data[:place] + struct.pack("<I", length) + data[place + 4 :])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(alone))), picture())


def test_several_frames_are_told() -> None:
    frames = [Image.fromarray(picture()), Image.fromarray(255 - picture())]
    file = io.BytesIO()
    frames[0].save(file, format="WEBP", save_all=True, append_images=frames[1:])
    _, metadata = split(file.getvalue())
    assert metadata
    assert metadata.animated
