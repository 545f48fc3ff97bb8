from itertools import chain

import pytest

from biasgan.data.samplers import IterationSampler, Sample


def test_ranks_share_the_batch_of_one_process() -> None:
    alone = list(IterationSampler(5, 0, 6, 0, 1))
    shared = [list(IterationSampler(5, 0, 2, rank, 3)) for rank in range(3)]
    assert alone == [list(chain(*parts)) for parts in zip(*shared, strict=True)]
    assert alone[4] == [Sample(4, slot) for slot in range(6)]


def test_a_resumed_run_is_the_tail() -> None:
    whole = list(IterationSampler(7, 0, 2, 1, 2))
    resumed = IterationSampler(7, 3, 2, 1, 2)
    assert list(resumed) == whole[3:]
    assert len(resumed) == 7
    assert list(IterationSampler(7, 7, 2, 0, 1)) == []


def test_a_rank_beyond_the_world_is_an_error() -> None:
    with pytest.raises(ValueError, match="rank must be from 0 to 1; got 2"):
        IterationSampler(7, 0, 2, 2, 2)
