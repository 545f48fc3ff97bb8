import threading
import time

import pytest

from biasgan.system.threads import in_threads


def test_each_item_comes_with_what_became_of_it() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2

    done = dict(in_threads(half, range(6), 3, "halves", tell=False))
    assert {number: future.result() for number, future in done.items() if not number % 2} == {0: 0, 2: 1, 4: 2}
    with pytest.raises(ValueError, match="5 is odd"):
        done[5].result()


def test_several_calls_run_at_once() -> None:
    meeting = threading.Barrier(4, timeout=30)
    assert len([*in_threads(lambda _: meeting.wait(), range(4), 4, "meeting", tell=False)]) == 4


def test_a_bar_is_shown_once_it_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    for tell, patience, shown in ((True, 0, True), (True, 60, False), (True, 0.05, True), (False, 0, False)):
        for _, future in in_threads(time.sleep, [0.1, 0.1], 1, "sleeping", tell, patience):
            future.result()
        assert ("sleeping" in capsys.readouterr().err) == shown
    assert [*in_threads(time.sleep, [], 1, "sleeping")] == []
    assert capsys.readouterr() == ("", "")


def test_calls_that_have_not_begun_are_dropped_on_the_way_out() -> None:
    begun: list[int] = []

    def call(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)

    calls = in_threads(call, range(100), 2, "calls", tell=False)
    next(calls)
    calls.close()
    after = len(begun)
    assert after < 20
    time.sleep(0.2)
    assert len(begun) == after
