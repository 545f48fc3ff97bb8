from collections import Counter

import pytest

from ..fuzz.targets import GOOD, TARGETS, Target, target

CASES = 100


def available(name: str) -> Target:
    try:
        return target(name)
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_images_or_refused(name: str) -> None:
    attacked = available(name)
    verdicts = Counter(attacked.verdict(attacked.case(1, number)) for number in range(CASES))
    assert set(verdicts) == set(GOOD)


@pytest.mark.parametrize("name", TARGETS)
def test_whole_files_are_images(name: str) -> None:
    attacked = available(name)
    verdicts = [attacked.verdict(example) for example in attacked.examples]
    assert verdicts == ["image"] * len(attacked.examples)


def test_cases_are_seeded_and_differ() -> None:
    attacked = target("jpeg")
    cases = [attacked.case(2, number) for number in range(50)]
    assert cases == [target("jpeg").case(2, number) for number in range(50)]
    assert len(set(cases)) > 45
    assert not set(cases) & {attacked.case(3, number) for number in range(50)} - set(attacked.examples)
