import json
from pathlib import Path

from biasgan.reporting.absent import Absent, find_absent, reasons
from biasgan.reporting.evaluations import find_evaluations
from biasgan.reporting.paper import Subject

from .made import make_evaluation


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
    assert trained.reason == f"trained, but not evaluated: python -m biasgan.evaluate run={tmp_path / 'trained'}"
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
