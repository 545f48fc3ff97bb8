import numpy as np
import pytest
from PIL import Image

from biasgan.inference.comparison import CROP, GAP, LINE, MARK, NARROWEST, PANEL, compare, gain_of, most_changed
from biasgan.inference.photo import Photo


def pair(height: int, width: int, change: tuple[slice, slice] = (slice(None), slice(None)), by: int = 5) -> list[Photo]:
    before = np.full((height, width, 3), 100, np.uint8)
    after = before.copy()
    after[change] += by
    return [Photo(before), Photo(after)]


def panel(picture: Image.Image, index: int, top: int, size: tuple[int, int]) -> np.ndarray:
    left = GAP + index * ((picture.width - GAP) // 3)
    return np.asarray(picture.crop((left, top, left + size[0], top + size[1])))


def test_a_small_picture_is_magnified_with_sharp_pixels() -> None:
    before, after = pair(3, 5, (slice(1), slice(2)))
    picture = compare(before, after)
    size = (5 * (PANEL // 5), 3 * (PANEL // 5))
    assert picture.size == (3 * (size[0] + GAP) + GAP, LINE + size[1] + GAP)
    step = PANEL // 5
    for index, expected in enumerate([before.colour, after.colour, (after.colour - before.colour) * 32]):
        shown = panel(picture, index, LINE, size)
        assert np.array_equal(shown, expected.repeat(step, axis=0).repeat(step, axis=1))


def test_of_a_large_picture_the_crop_shows_what_changed() -> None:
    before, after = pair(700, 900, (slice(600, 640), slice(800, 860)), by=40)
    picture = compare(before, after)
    whole = (PANEL, round(700 * PANEL / 900))
    top = LINE + whole[1] + GAP + LINE
    assert picture.size == (3 * (PANEL + GAP) + GAP, top + 2 * CROP + GAP)
    assert (panel(picture, 1, LINE, whole) == MARK).all(-1).sum() > 2 * 100
    crop = panel(picture, 2, top, (2 * CROP, 2 * CROP))
    assert (crop > 0).all(-1).sum() == 4 * 40 * 60
    assert set(np.unique(crop)) == {0, 40 * 4}
    assert (panel(picture, 0, top, (2 * CROP, 2 * CROP)) == 100).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (261, 40), (520, 520), (521, 7)])
def test_every_size_can_be_shown(size: tuple[int, int]) -> None:
    picture = compare(*pair(*size))
    assert picture.width <= 3 * (PANEL + GAP) + GAP
    assert picture.height <= 2 * (LINE + PANEL + GAP)
    assert picture.width >= 3 * NARROWEST


def test_the_rows_have_the_same_columns() -> None:
    before, after = pair(600, 400)
    picture = compare(before, after)
    crop = (2 * CROP, 2 * CROP)
    assert picture.width == 3 * (2 * CROP + GAP) + GAP
    top = LINE + PANEL + GAP + LINE
    for index, expected in enumerate((100, 105, 160)):
        assert (panel(picture, index, top, crop) == expected).all()
        assert (panel(picture, index, top - LINE - GAP - 20, (round(400 * PANEL / 600), 20))[:, -3:] == expected).all()


@pytest.mark.parametrize("place", [(0, 0), (300, 500), (393, 744), (160, 8), (310, 0)])
def test_the_place_of_the_change_is_found(place: tuple[int, int]) -> None:
    change = np.zeros((400, 750, 3), np.uint8)
    change[300:310] += 1
    top, left = (min(start, side - 6) for start, side in zip(place, change.shape[:2], strict=True))
    change[top : top + 6, left : left + 6] = 255
    box = most_changed(change)
    assert box[0] <= left
    assert box[1] <= top
    assert left + 6 <= box[2] <= 750
    assert top + 6 <= box[3] <= 400
    assert (box[2] - box[0], box[3] - box[1]) == (CROP, CROP)


def test_the_difference_is_made_visible_and_not_more() -> None:
    assert [gain_of(np.full((20, 20, 3), level, np.uint8)) for level in (0, 1, 7, 8, 31, 32, 127, 128, 255)] == [
        *(1, 32, 32, 16, 8, 4, 2, 1, 1),
    ]  # fmt: skip


def test_kinds_of_photographs_are_laid_on_white() -> None:
    deep = np.full((4, 4, 3), 25700, np.uint16)
    alpha = np.zeros((4, 4), np.uint16)
    picture = compare(Photo(deep, grey=True), Photo(deep, grey=True, alpha=alpha))
    side = 4 * (PANEL // 4)
    assert (panel(picture, 0, LINE, (side, side)) == 100).all()
    assert (panel(picture, 1, LINE, (side, side)) == 255).all()
