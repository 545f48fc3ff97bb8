from collections.abc import Callable

import pytest

from biasgan.training.schedule import Constant, Cosine, MultiStep, Schedule
from biasgan.training.stage import Stage


def test_constant() -> None:
    assert {Constant(2e-4)(progress) for progress in (0, 0.5, 0.999)} == {2e-4}


def test_multistep_halves_after_each_milestone_of_the_recipe() -> None:
    """BasicSR: 400,000 iterations, milestones 50k, 100k, 200k, 300k; the listed iteration still has the old rate."""
    schedule = MultiStep(1e-4, [0.125, 0.25, 0.5, 0.75])
    rate = {iteration: schedule((iteration - 1) / 400_000) for iteration in (1, 50_000, 50_001, 100_001, 300_001)}
    assert rate == {1: 1e-4, 50_000: 1e-4, 50_001: 5e-5, 100_001: 2.5e-5, 300_001: 6.25e-6}


def test_cosine_goes_from_first_to_last_and_restarts() -> None:
    once, four = Cosine(1e-4, 1e-7), Cosine(1e-4, 1e-7, periods=4)
    assert once(0) == pytest.approx(1e-4)
    assert once(0.5) == pytest.approx((1e-4 + 1e-7) / 2)
    assert once(1 - 1e-9) == pytest.approx(1e-7, rel=1e-3)
    assert [four(period / 4) for period in range(4)] == pytest.approx([1e-4] * 4)
    assert four(0.125) == pytest.approx(once(0.5))


def test_a_longer_stage_keeps_the_last_rate() -> None:
    """Where schedules that begin anew at their end do not either."""

    def rate(schedule: Schedule, done: int, iterations: int) -> float:
        return Stage("pixel", 0, iterations, schedule, lambda pair: None).learning_rate(done)

    steps, cosine = MultiStep(1e-4, [0.125, 0.25, 0.5, 0.75]), Cosine(1e-4, 1e-7, periods=4)
    assert [rate(steps, done, 16) for done in (15, 16, 1000)] == [6.25e-6] * 3
    assert rate(cosine, 15, 16) == rate(cosine, 16, 16) == rate(cosine, 17, 16) == cosine(15 / 16)
    assert [rate(cosine, done, 16) for done in range(16)] == [cosine(done / 16) for done in range(16)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-1e-4), "learning_rate must be a number from 0 on; got -0.0001"),
        (lambda: Constant(float("nan")), "learning_rate must be a number from 0 on; got nan"),
        (lambda: MultiStep(1e-4, [0.5, 0.25]), r"ascending between 0 and 1 .*; got \[0.5, 0.25\]"),
        (lambda: MultiStep(1e-4, [50_000, 100_000]), "shares of its stage"),
        (lambda: MultiStep(1e-4, [0.5], gamma=-1), "gamma must be"),
        (lambda: Cosine(1e-4, -1), "minimum must be"),
        (lambda: Cosine(1e-4, periods=0), "periods of a schedule must be a whole number from 1 on; got 0"),
    ],
)
def test_what_only_a_later_iteration_would_show_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
