import json
from pathlib import Path
from typing import Any

import pytest

from biasgan.analysis.triangle import Triangle
from biasgan.reporting.evaluations import Measured, find_evaluations, places, read_evaluation

from .made import make_evaluation, make_sweep


def test_what_was_written_is_read(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "run", seed=3)
    one = read_evaluation(tmp_path / "run" / "evaluation.json")
    assert (one.kind, one.name, one.seed) == ("run", "run", 3)
    assert one.condition[:3] == ("div2k-valid", 100, "c0ffee" * 10 + "-37")
    assert one.condition.label == "div2k-valid, bpg 37"
    assert one.bits_per_pixel == content["bits_per_pixel"]["mean"]
    psnr = content["metrics"]["psnr"]
    low, high = psnr["restored_interval"]
    assert one.metrics["psnr"] == Measured(psnr["compressed"], psnr["restored"], (low, high))
    assert one.metrics["fid"].restored_interval is None
    sides = content["triangles"]["lpips"]
    assert one.triangles["lpips"] == Triangle(*(sides[side] for side in Triangle._fields))
    assert one.unavailable == {"niqe": content["unavailable"]["niqe"]}
    assert one.run == tmp_path / "run"
    assert list(one.images)[:2] == ["0801", "0802"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": 2}, "is no evaluation of format 1"),
        ({"subject": None}, "subject must be an object; got None"),
        ({"subject": {"kind": "run", "name": 3}}, "name must be a text; got 3"),
        ({"set": {"name": "a", "images": "many"}}, "images must be a whole number; got 'many'"),
        ({"quality": None}, "quality must be a number or a text; got None"),
        ({"quality": True}, "quality must be a number or a text; got True"),
        ({"bits_per_pixel": {"mean": "0.5"}}, "mean must be a number; got '0.5'"),
        ({"metrics": {"psnr": 30}}, "psnr must be an object; got 30"),
        ({"metrics": {"psnr": {"restored": True}}}, "restored must be a number; got True"),
        ({"triangles": {"fid": {"compressed_restored": 1}}}, "compressed_original must be a number; got None"),
    ],
)
def test_damaged_evaluations_are_named_and_left_out(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    make_evaluation(tmp_path / "good")
    make_evaluation(tmp_path / "bad", **changes)
    found = find_evaluations([str(tmp_path)])
    assert [one.name for one in found.evaluations] == ["good"]
    (reason,) = found.left_out
    assert reason.startswith(str(tmp_path / "bad" / "evaluation.json"))
    assert text in reason


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
        with pytest.raises(FileNotFoundError, match=r"has no evaluation.json in it; .*python -m biasgan.evaluate run="):
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
        assert len({one.content["subject"]["name"] for one in find_evaluations(given).evaluations}) == 3, given
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
    assert sorted(one.name for one in found.evaluations) == ["last", "other"]
    assert len(found.left_out) == 2
    assert all("the same was evaluated later" in reason for reason in found.left_out)


def test_a_run_that_was_moved_is_found_beside_its_evaluations(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run")
    make_evaluation(tmp_path / "run" / "kodak-bpg-37", None)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert read_evaluation(tmp_path / "moved" / "evaluation.json").run == tmp_path / "moved"
    assert read_evaluation(tmp_path / "moved" / "kodak-bpg-37" / "evaluation.json").run == tmp_path / "moved"
    (tmp_path / "alone").mkdir()
    (tmp_path / "moved" / "evaluation.json").rename(tmp_path / "alone" / "evaluation.json")
    alone = read_evaluation(tmp_path / "alone" / "evaluation.json")
    assert alone.run is None
    assert alone.images == {}


def test_qualities_sort_as_numbers(tmp_path: Path) -> None:
    for quality in ("10-50", 100, 20, 5.5):
        make_evaluation(tmp_path / str(quality), quality=quality, seed=1)
    conditions = [one.condition for one in find_evaluations([str(tmp_path)]).evaluations]
    assert [one.quality for one in sorted(conditions, key=lambda one: one.order)] == ["5.5", "20", "100", "10-50"]


def test_nothing_but_the_contract_is_needed(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(
        json.dumps(
            {
                "format": 1,
                "subject": {"kind": "restored", "name": "theirs", "path": "x", "sha256": None},
                "chosen": {"baseline": None},
                "codec": "jpeg",
                "quality": 10,
                "set": {"name": "kodak", "images": 24},
                "metrics": {"psnr": {"compressed": 1, "restored": None}},
                "bits_per_pixel": {"mean": 1},
            }
        )
    )
    one = read_evaluation(tmp_path / "evaluation.json")
    assert one.metrics["psnr"] == Measured(1.0, None, None)
    assert (one.seed, one.triangles, one.run) == (None, {}, None)
