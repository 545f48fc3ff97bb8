import io

import numpy as np
import pytest
from PIL import Image

from biasgan.io.containers.split import split

from .made import jpeg, picture, segment, tags

KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 2},
    "full chroma": {"quality": 95, "subsampling": 0},
}


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_pixels_are_alone_and_the_rest_is_kept() -> None:
    # One profile in two segments, the second first.
    halves = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes((part, 2)) + content) for part, content in ((2, b"BB"), (1, b"AA"))
    ]
    xmp = b"http://ns.adobe.com/xap/1.0/\0<xmp/>"
    data = jpeg(segment(0xE1, b"Exif\0\0" + tags("<", 6)), segment(0xE1, xmp), *halves, segment(0xFE, b"said"))
    alone, metadata = split(data)
    assert alone == jpeg()
    assert metadata
    assert (metadata.orientation, metadata.xmp, metadata.profile, metadata.remarks) == (6, b"<xmp/>", b"AABB", ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grey", [False, True])
def test_a_file_that_lacks_its_end_marker_alone_is_whole(kind: str, grey: bool) -> None:
    data = jpeg(pixels=picture()[..., 0] if grey else picture(), **KINDS[kind])
    for missing in (1, 2):
        alone, metadata = split(data[:-missing])
        assert metadata
        assert metadata.remarks == ("its end marker is missing, and no pixel",)
        assert np.array_equal(shown(alone), shown(data))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [5, 9, 40, 200])
def test_a_file_that_lacks_pixels_is_not_whole(kind: str, missing: int) -> None:
    alone, metadata = split(jpeg(**KINDS[kind])[:-missing])
    assert metadata
    assert metadata.remarks == ()
    with pytest.raises(OSError, match="truncated"):
        shown(alone)


def test_a_scan_that_is_not_there_is_missed() -> None:
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    _, metadata = split(data[: data.rindex(b"\xff\xc4", 0, last)])
    assert metadata
    assert metadata.remarks == ()


@pytest.mark.parametrize("length", [b"\0\x10", b"\0\0", b"\xff\xff"])
def test_behind_a_damaged_length_it_is_the_large_picture(length: bytes) -> None:
    preview = jpeg(pixels=picture(8, 8))
    data = jpeg(segment(0xE1, b"Exif\0\0" + tags("<", 8) + preview))
    alone, metadata = split(data[:4] + length + data[6:])
    assert metadata
    assert np.array_equal(shown(alone), shown(jpeg()))
    assert metadata.remarks == ("its head is damaged",)
    assert metadata.orientation == 8


def test_inks_of_adobe_stay_inverted() -> None:
    inks = Image.fromarray(picture()).convert("CMYK")
    file = io.BytesIO()
    inks.save(file, format="JPEG")
    alone, _ = split(file.getvalue())
    assert np.array_equal(shown(alone), shown(file.getvalue()))


@pytest.mark.parametrize(("marker", "name", "least"), [(0xE0, b"JFIF", 14), (0xEE, b"Adobe", 12)])
def test_short_segments_of_colours_cost_nothing(marker: int, name: bytes, least: int) -> None:
    whole = jpeg(dpi=(72, 72))
    without = whole[:2] + whole[20:]
    for content in ((name + bytes(least))[:length] for length in range(5, least)):
        short = segment(marker, content)
        for data in (whole[:2] + short + whole[2:], whole[:20] + short + whole[20:], without[:2] + short + without[2:]):
            alone, metadata = split(data)
            assert metadata
            assert metadata.remarks == (f"its {name.decode()} segment is too short and was left out",)
            assert metadata.dpi == ((72, 72) if len(data) > len(whole) else None)
            assert np.array_equal(shown(alone), shown(whole))


def test_of_two_resolutions_that_of_jfif_counts() -> None:
    assert all(metadata and metadata.dpi == (72, 72) for _, metadata in [split(jpeg(dpi=(72, 72)))])
    exif = Image.Exif()
    exif.update({282: 300.0, 283: 200.0, 296: 2})
    _, metadata = split(jpeg(exif=exif.tobytes()))
    assert metadata
    assert metadata.dpi == (300, 200)
