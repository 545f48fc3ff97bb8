from collections.abc import Callable
from dataclasses import dataclass

from biasgan.data.dataset import Pair
from biasgan.training.schedule import Schedule


@dataclass(frozen=True)
class Stage:
    """A part of a training, with a loss and a learning rate of its own. The last goes on for as long as the training.

    Attributes:
        name: For people.
        begin: Iterations of the training before it.
        iterations: Over which its schedule is laid out; beyond them its last rate goes on.
        schedule: Learning rate over it.
        iterate: Does one iteration with a batch.
    """

    name: str
    begin: int
    iterations: int
    schedule: Schedule
    iterate: Callable[[Pair], None]

    def learning_rate(self, done: int) -> float:
        """Of the next iteration, after so many of the training."""
        return self.schedule(min(done - self.begin, self.iterations - 1) / self.iterations)
