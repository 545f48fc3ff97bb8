import os

import pytest

from biasgan.sweep.devices import OF_ONE_PROCESS, environments, share


@pytest.mark.parametrize(
    ("gpus", "places", "shares"),
    [
        ("", 2, ["", ""]),
        ("0", 1, ["0"]),
        ("0", 2, ["0", "0"]),
        ("01", 2, ["0", "1"]),
        ("012", 2, ["02", "1"]),
        ("01", 3, ["0", "1", "0"]),
    ],
)
def test_all_gpus_are_handed_out(gpus: str, places: int, shares: list[str]) -> None:
    assert share(gpus, places) == [list(names) for names in shares]


def test_each_place_sees_its_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8a,5")
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments(2)] == ["3,5", "GPU-8a"]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments(1)] == ["3, GPU-8a,5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments(2)] == ["", ""]


def test_cores_are_shared_out_unless_threads_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "OMP_NUM_THREADS" not in environments(1)[0]
    assert [e["OMP_NUM_THREADS"] for e in environments(3)] == ["2"] * 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert environments(3)[0]["OMP_NUM_THREADS"] == "5"


def test_what_belongs_to_one_process_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_ONE_PROCESS:
        monkeypatch.setenv(name, "1")
    (environment,) = environments(1)
    assert not OF_ONE_PROCESS & environment.keys()
    assert environment["PATH"] == os.environ["PATH"]
