from itertools import pairwise

import numpy as np
import pytest

from biasgan.data.order import ImageOrder

CHUNKS = (4, 4, 3, 5, 1, 4, 4)


def passes(order: ImageOrder, count: int) -> np.ndarray:
    """Images of some passes, a row each."""
    return np.array([order.image(place) for place in range(count * order.images)]).reshape(count, -1)


@pytest.mark.parametrize("window", [1, 2, 3, 6, 7, 100])
def test_every_image_once_in_each_pass(window: int) -> None:
    shown = passes(ImageOrder(CHUNKS, window, seed=3), 20)
    assert np.array_equal(np.sort(shown, axis=1), np.tile(np.arange(25), (20, 1)))
    assert len({tuple(row) for row in shown.tolist()}) == 20


def test_orders_differ_by_seed_alone() -> None:
    rows = [tuple(passes(ImageOrder(CHUNKS, 2, seed), 2).ravel().tolist()) for seed in (0, 1, 0)]
    assert rows[0] == rows[2] != rows[1]


@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_window_has_so_many_chunks_and_all_of_their_images(window: int) -> None:
    chunk_of = np.repeat(np.arange(len(CHUNKS)), CHUNKS)
    for row in passes(ImageOrder(CHUNKS, window, seed=0), 10):
        chunks = chunk_of[row].tolist()
        lengths: list[int] = []
        while chunks:
            first = list(dict.fromkeys(chunks))[:window]
            length = sum(CHUNKS[chunk] for chunk in first)
            assert set(chunks[:length]) == set(first)
            lengths.append(length)
            chunks = chunks[length:]
        assert len(lengths) == -(-len(CHUNKS) // window)


def test_a_window_mixes_its_chunks() -> None:
    window = passes(ImageOrder((50, 50, 50), 2, seed=0), 1)[0, :100] // 50
    assert sum(one != other for one, other in pairwise(window.tolist())) > 20


def test_with_all_at_hand_chunks_do_not_matter() -> None:
    alone = passes(ImageOrder([25], 1, seed=5), 3)
    assert np.array_equal(alone, passes(ImageOrder(CHUNKS, 7, seed=5), 3))
    assert not np.array_equal(alone, passes(ImageOrder(CHUNKS, 6, seed=5), 3))
