import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from biasgan.training.numbers import check_number


class Schedule(Protocol):
    """A learning rate as a function of the share of the stage that is done, in [0, 1)."""

    def __call__(self, progress: float) -> float:
        """The learning rate at a share of the stage."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same learning rate from first to last.

    Examples:
        >>> from biasgan import Constant
        >>> Constant(1e-4)(0.5)
        0.0001
    """

    learning_rate: float

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)

    def __call__(self, progress: float) -> float:
        """The learning rate at a share of the stage."""
        return self.learning_rate


@dataclass(frozen=True)
class MultiStep:
    """Multiply the learning rate by `gamma` after each milestone.

    Attributes:
        learning_rate: At the start.
        milestones: Shares of the stage, ascending in (0, 1): 0.25 of 400,000 iterations is 100,000.
        gamma: Factor at each milestone.

    Raises:
        ValueError: If a number is out of its range.

    Examples:
        >>> from biasgan import MultiStep
        >>> halved = MultiStep(1e-4, [0.125, 0.25, 0.5, 0.75])  # ESRGAN's
        >>> halved(0.1), halved(0.3)
        (0.0001, 2.5e-05)
    """

    learning_rate: float
    milestones: Sequence[float]
    gamma: float = 0.5

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_number("gamma", self.gamma)
        for milestone in self.milestones:
            check_number("milestone", milestone)
        if [*self.milestones] != sorted({0, *self.milestones, 1})[1:-1]:
            raise ValueError(
                "The milestones of a schedule are shares of its stage, ascending between 0 and 1 (0.25 of 400,000 "
                f"iterations is 100,000); got {[*self.milestones]}."
            )

    def __call__(self, progress: float) -> float:
        """The learning rate at a share of the stage."""
        return self.learning_rate * self.gamma ** sum(progress >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `learning_rate` down to `minimum`, `periods` times over.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.

    Examples:
        >>> from biasgan import Cosine
        >>> round(Cosine(1e-4, minimum=0.0)(0.5), 8)
        5e-05
    """

    learning_rate: float
    minimum: float = 1e-7
    periods: int = 1

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate)
        check_number("minimum", self.minimum)
        if type(self.periods) is not int or self.periods < 1:
            raise ValueError(f"The periods of a schedule must be a whole number from 1 on; got {self.periods!r}.")

    def __call__(self, progress: float) -> float:
        """The learning rate at a share of the stage."""
        phase = progress * self.periods % 1
        return self.minimum + (self.learning_rate - self.minimum) * (1 + math.cos(math.pi * phase)) / 2
