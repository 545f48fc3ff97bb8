import json
from pathlib import Path

import pytest

from biasgan.reporting.paper import Subject
from biasgan.reporting.search import Absent, find_absent, find_evaluations, places, reasons

from .made import make_evaluation, make_sweep


def test_damaged_evaluations_are_named_and_left_out(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "good")
    make_evaluation(tmp_path / "bad", quality=None)
    found = find_evaluations([str(tmp_path)])
    assert [one.subject.name for one in found.evaluations] == ["good"]
    (reason,) = found.left_out
    assert reason.startswith(str(tmp_path / "bad" / "evaluation.json"))
    assert reason.endswith("quality must be a number or a text; got None.")


def test_files_that_are_no_json_are_left_out(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "good")
    for name, data in (("cut", b'{"format": 1, "sub'), ("bytes", b"\xff\xfe"), ("list", b"[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_bytes(data)
    found = find_evaluations([str(tmp_path)])
    assert len(found.evaluations) == 1
    assert sorted(Path(reason.split(" ")[0]).parent.name for reason in found.left_out) == ["bytes", "cut", "list"]


def test_if_none_is_left_there_is_no_report(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "bad", format=7)
    with pytest.raises(FileNotFoundError, match=r"no evaluation can be used:\n.*bad/evaluation.json is no evaluation"):
        find_evaluations([str(tmp_path)])
    make_evaluation(tmp_path / "good")
    (tmp_path / "empty").mkdir()
    for pattern in ("empty", "missing", "none-*"):
        with pytest.raises(FileNotFoundError, match=r"has no evaluation.json in it; .*biasgan evaluate run="):
            find_evaluations([str(tmp_path / "good"), str(tmp_path / pattern)])


def test_globs_and_folders_find_each_evaluation_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sweep(tmp_path / "a=1,b=2" / "[x]", methods=("vanilla", "full"))
    make_evaluation(tmp_path / "a=1,b=2" / "[x]" / "realesrgan-full-37-0" / "kodak-bpg-37", set_name="kodak")
    monkeypatch.chdir(tmp_path)
    for given in (
        [str(tmp_path)],
        ["."],
        ["a=1,b=2/[x]"],
        ["a*/**"],
        [str(tmp_path / "a*" / "*" / "real*")],
        ["a*", f"../{tmp_path.name}/a*", str(tmp_path)],
        ["a*/**/evaluation.json"],
    ):
        assert len({one.subject.name for one in find_evaluations(given).evaluations}) == 3, given
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places("~/a*") == [tmp_path / "a=1,b=2"]


def test_the_latest_of_two_evaluations_of_the_same_counts(tmp_path: Path) -> None:
    for name, date in (
        ("first", "2026-01-01T00:00:00"),
        ("last", "2026-03-01T00:00:00"),
        ("mid", "2026-02-01T00:00:00"),
    ):
        make_evaluation(tmp_path / name, date=date)
    make_evaluation(tmp_path / "other", seed=1)
    found = find_evaluations([str(tmp_path)])
    assert sorted(one.subject.name for one in found.evaluations) == ["last", "other"]
    assert len(found.left_out) == 2
    assert all("the same was evaluated later" in reason for reason in found.left_out)


def test_qualities_sort_as_numbers(tmp_path: Path) -> None:
    for quality in ("10-50", 100, 20, 5.5):
        make_evaluation(tmp_path / str(quality), quality=quality, seed=1)
    conditions = [one.condition for one in find_evaluations([str(tmp_path)]).evaluations]
    assert [one.quality for one in sorted(conditions, key=lambda one: one.order)] == ["5.5", "20", "100", "10-50"]


def make_run(folder: Path, finished: bool, quality: object = 37) -> None:
    """What a training leaves, as far as it is looked at."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        f"quality: {quality}\nchosen: {{baseline: esrgan, method: full, codec: bpg, data: div2k, scale: demo}}\n"
    )
    if finished:
        (folder / "summary.json").write_text("{}")


def absent_in(folder: Path) -> dict[str, Absent]:
    found = find_absent([str(folder)], find_evaluations([str(folder)]).evaluations)
    return {one.folder.relative_to(folder).as_posix(): one for one in found}


def test_runs_without_an_evaluation_are_found_with_the_reason(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "evaluated")
    make_run(tmp_path / "trained", finished=True)
    make_run(tmp_path / "a" / "unfinished", finished=False)
    make_run(tmp_path / "pixel-stage-0", finished=True)
    make_run(tmp_path / "trained" / ".hydra", finished=False)
    make_run(tmp_path / "on another set", finished=True)
    make_evaluation(tmp_path / "on another set" / "kodak", set_name="kodak")
    make_run(tmp_path / "elsewhere", finished=True)
    subject = {"kind": "run", "name": "elsewhere", "path": str(tmp_path / "elsewhere"), "sha256": "e"}
    make_evaluation(tmp_path / "out", subject=subject)
    found = absent_in(tmp_path)
    assert found.keys() == {"trained", "a/unfinished"}
    trained = found["trained"]
    assert trained[1:4] == (Subject("esrgan", "full"), "bpg", "37")
    assert trained.reason == f"trained, but not evaluated: biasgan evaluate run={tmp_path / 'trained'}"
    assert found["a/unfinished"].reason == "its training has not ended"


def test_jobs_of_a_sweep_say_how_they_ended_also_where_it_was_moved(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    make_evaluation(sweep / "done")
    make_run(sweep / "failed", finished=False)
    jobs = [("done", "finished", None), ("skipped", "skipped", None), ("failed", "failed", "out of\nmemory")]
    jobs += [("waiting", "waiting", None), ("pixel-stage-1", "failed", "x"), ("stopped", "stopped", None)]
    (sweep / "sweep.json").write_text(
        json.dumps([{"folder": f"/moved/{name}", "status": status, "error": error} for name, status, error in jobs])
    )
    found = absent_in(tmp_path)
    assert {name: (one.subject, one.reason) for name, one in found.items()} == {
        "sweep/failed": (Subject("esrgan", "full"), "its training failed: out of memory"),
        "sweep/waiting": (None, "its training has not ended"),
        "sweep/stopped": (None, "its training has not ended"),
    }


def test_what_is_damaged_is_of_nothing_known(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "done")
    (tmp_path / "sweep.json").write_text('[{"folder": 1}]')
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.yaml").write_text("a: [")
    (one,) = absent_in(tmp_path).values()
    assert one[1:] == (None, None, None, "its training has not ended")


def test_reasons_are_of_the_same_codec_and_quality(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "done", quality=37)
    assert content["quality"] == 37
    make_run(tmp_path / "same", finished=False)
    make_run(tmp_path / "then another", finished=True, quality=42)
    evaluations = find_evaluations([str(tmp_path)]).evaluations
    absent = find_absent([str(tmp_path)], evaluations)
    assert len(absent) == 2
    assert reasons(absent, evaluations[0].condition) == {Subject("esrgan", "full"): "its training has not ended"}
