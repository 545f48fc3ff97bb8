from collections.abc import Iterator
from typing import NamedTuple

from torch.utils.data import Sampler


class Sample(NamedTuple):
    """One place in the course of a training.

    Attributes:
        iteration: From 0.
        slot: Place in the batch of all processes together, from 0.
    """

    iteration: int
    slot: int


class IterationSampler(Sampler[list[Sample]]):
    """The batches of one process from a given iteration to the last.

    The whole training is one epoch, and its length counts from iteration 0 wherever it starts: Lightning takes up its
    count of batches when it resumes.

    Args:
        iterations: Of the whole training.
        start: First iteration to deliver.
        batch_size: Of one process.
        rank: Of this process.
        world_size: Number of processes.
    """

    def __init__(self, iterations: int, start: int, batch_size: int, rank: int, world_size: int) -> None:
        self.iterations = iterations
        self.start = start
        self.slots = range(rank * batch_size, (rank + 1) * batch_size)
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to {world_size - 1}; got {rank}.")

    def __iter__(self) -> Iterator[list[Sample]]:
        for iteration in range(self.start, self.iterations):
            yield [Sample(iteration, slot) for slot in self.slots]

    def __len__(self) -> int:
        return self.iterations
