import pytest

from biasgan.training.schedule import Constant, Cosine, MultiStep


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
