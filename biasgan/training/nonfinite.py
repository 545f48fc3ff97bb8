import math
from collections.abc import Mapping


class NonFiniteLossError(ArithmeticError):
    """A loss term is NaN or infinite; the weights have not been touched by it."""


def check_finite(terms: Mapping[str, float], iteration: int) -> None:
    """Stop before a non-finite term reaches the weights.

    Args:
        terms: Loss terms by name.
        iteration: The iteration at hand, from 1.

    Raises:
        NonFiniteLossError: Names the terms and the iteration.
    """
    bad = [f"{name} = {value}" for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise NonFiniteLossError(
            f"Iteration {iteration}: {', '.join(bad)}. The weights were not updated with it; the last checkpoint is "
            "good. A lower learning rate, clip_gradients=1 or trainer.precision=32-true usually helps."
        )
