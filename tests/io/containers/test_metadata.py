import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from biasgan.io.containers.directory import read_directory
from biasgan.io.containers.metadata import Metadata, colours_of, is_possible, turned, upright

from ...inference.profiles import GREY_PROFILE, PROFILE, black_alone_counts
from .made import Order, picture, tags


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_is_read_as_far_as_it_can_be(order: Order, orientation: int) -> None:
    whole = tags(order, orientation)
    for exif in (
        whole,
        b"Exif\0\0" + whole,
        b"Exif\0\0Exif\0\0" + whole,
        tags(order, orientation, 9, b"garbage"),
        whole[:22],
    ):
        assert Metadata(exif).orientation == orientation


@pytest.mark.parametrize(
    "exif", [b"", b"II*\0", b"Exif\0\0" + bytes(30), tags("<", 9), tags(">", 0), tags("<", 6)[:12]]
)
def test_what_is_no_orientation_turns_nothing(exif: bytes) -> None:
    assert Metadata(exif).orientation == 1
    # Then what XMP says counts.
    assert Metadata(exif, "<a tiff:Orientation='3'/>".encode("utf-16")).orientation == 3
    assert Metadata(exif, b"<tiff:Orientation>8</tiff:Orientation>").orientation == 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_pictures(orientation: int) -> None:
    given = Image.fromarray(picture())
    given.getexif()[ExifTags.Base.Orientation] = orientation
    expected = np.asarray(ImageOps.exif_transpose(given))
    assert np.array_equal(turned(picture(), orientation), expected)


def exif() -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Make] = "somebody of a long name"
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = bytes(range(40))
    return made


def test_nothing_but_the_orientation_is_taken_from_exif() -> None:
    given = exif()
    given[ExifTags.Base.Orientation] = 6
    kept, remarks = upright(given.tobytes())
    assert remarks == ()
    assert kept
    assert len(kept) == len(given.tobytes())
    after = Image.Exif()
    after.load(kept)
    assert (after.get(ExifTags.Base.Make), len(after)) == (given[ExifTags.Base.Make], 2)
    assert after.get_ifd(ExifTags.IFD.Exif) == given.get_ifd(ExifTags.IFD.Exif)
    assert Metadata(kept).orientation == 1
    untouched = exif().tobytes()
    assert upright(untouched) == (untouched, ())
    assert upright(tags("<", 6)) == upright(None) == (None, ())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [6, 8, 9])
def test_an_orientation_may_have_a_sign(order: Order, kind: int) -> None:
    given = of_kind(kind, 6, order)
    seen = Image.Exif()
    seen.load(given)
    assert Metadata(given).orientation == seen[ExifTags.Base.Orientation] == 6
    assert upright(given) == (None, ())
    assert Metadata(of_kind(kind, -6, order)).orientation == 1


def of_kind(kind: int, orientation: int, order: Order) -> bytes:
    """EXIF with an orientation of any kind of whole number."""
    whole, code = tags(order, 1), {6: "b", 8: "h", 9: "i"}.get(kind, "H")
    value = struct.pack(f"{order}{code}", orientation).ljust(4, b"\0")
    return whole[:12] + struct.pack(f"{order}H", kind) + whole[14:18] + value + whole[22:]


def test_an_orientation_that_is_not_followed_stays() -> None:
    unread = ("its orientation cannot be read and was not followed",)
    for given, remarks in (*((of_kind(kind, 6, "<"), unread) for kind in (2, 7, 11)), (tags("<", 9), ())):
        assert Metadata(given).orientation == 1
        assert upright(given) == (b"Exif\0\0" + given, remarks)


@pytest.mark.parametrize("damaged", [bytes(30), b"nonsense", tags("<", 6, 3), exif().tobytes()[:30]])
def test_exif_of_no_use_is_left_out_with_a_remark(damaged: bytes) -> None:
    assert upright(damaged) == (None, ("its EXIF cannot be used and was left out",))


@pytest.mark.parametrize(
    "dpi", [(0, 0), (72, 0), (-1, 72), (float("nan"), 1), (float("inf"), 1), (1e9, 1), 72, (), "no"]
)
def test_impossible_resolutions_are_known(dpi: object) -> None:
    assert not is_possible(dpi)
    assert is_possible((72, 0.5))


def test_profiles_say_what_they_are_for() -> None:
    assert [colours_of(profile) for profile in (PROFILE, GREY_PROFILE, black_alone_counts())] == ["RGB", "GRAY", "CMYK"]
    damaged = (b"", b"nonsense", PROFILE[:300], PROFILE[:16] + b"RBG " + PROFILE[20:], bytes(600))
    assert [colours_of(profile) for profile in damaged] == [None] * 5
    classes = (b"scnr", b"mntr", b"prtr", b"spac", b"link", b"abst", b"nmcl")
    found = [colours_of(PROFILE[:12] + kind + PROFILE[16:]) for kind in classes]
    assert found == ["RGB"] * 4 + [None] * 3


def test_a_directory_is_read_up_to_its_damage() -> None:
    given = exif()
    file = io.BytesIO(given.tobytes()[6:])
    for length in range(len(file.getvalue())):
        found = read_directory(file.getvalue()[:length])
        assert found is None or set(found.entries) <= {ExifTags.Base.Make, ExifTags.IFD.Exif}
