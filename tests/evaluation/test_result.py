import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from biasgan.analysis.triangle import Triangle
from biasgan.evaluation.result import Evaluation, EvaluationError, Measured, finite

from ..reporting.made import make_evaluation

BEFORE = Path(__file__).with_name("written_before.json")
"""An evaluation as the release before this class wrote it."""


def test_what_was_written_before_is_read_and_written_the_same_key_for_key(tmp_path: Path) -> None:
    found = Evaluation.read(BEFORE)
    assert found.metrics["patch_fid"] == Measured(9.5, vectors=12, images=2, unmeasured={"1": "it gives no number"})
    assert (found.subject.kind, found.condition.label) == ("run", "pics, jpeg 50")
    replace(found, file=tmp_path / "evaluation.json").write()
    assert (tmp_path / "evaluation.json").read_text() == BEFORE.read_text()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "run", seed=3)
    one = Evaluation.read(tmp_path / "run" / "evaluation.json")
    assert (one.subject.kind, one.subject.name, one.seed) == ("run", "run", 3)
    assert one.condition[:3] == ("div2k-valid", 100, "c0ffee" * 10 + "-37")
    assert one.condition.label == "div2k-valid, bpg 37"
    assert one.bits_per_pixel.mean == content["bits_per_pixel"]["mean"]
    psnr = content["metrics"]["psnr"]
    assert (one.metrics["psnr"].compressed, one.metrics["psnr"].restored) == (psnr["compressed"], psnr["restored"])
    assert one.metrics["psnr"].restored_interval == tuple(psnr["restored_interval"])
    assert one.metrics["fid"].restored_interval is None
    sides = content["triangles"]["lpips"]
    assert one.triangles["lpips"].triangle == Triangle(*(sides[side] for side in Triangle._fields))
    assert one.unavailable == {"niqe": content["unavailable"]["niqe"]}
    assert one.run
    assert one.run.path == tmp_path / "run"
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
        ({"metrics": {"psnr": {"restored_interval": 3}}}, "restored_interval must be a list; got 3"),
        ({"triangles": {"fid": {"compressed_restored": 1}}}, "compressed_original must be a number; got None"),
    ],
)
def test_damaged_evaluations_are_named_with_what_is_wrong(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    make_evaluation(tmp_path, **changes)
    with pytest.raises(EvaluationError) as caught:
        Evaluation.read(tmp_path / "evaluation.json")
    assert str(caught.value).startswith(str(tmp_path / "evaluation.json"))
    assert text in str(caught.value)


def test_a_run_that_was_moved_is_found_beside_its_evaluations(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run")
    make_evaluation(tmp_path / "run" / "kodak-bpg-37", None)
    (tmp_path / "run").rename(tmp_path / "moved")
    for place in ("moved", "moved/kodak-bpg-37"):
        run = Evaluation.read(tmp_path / place / "evaluation.json").run
        assert run
        assert run.path == tmp_path / "moved"
    (tmp_path / "alone").mkdir()
    (tmp_path / "moved" / "evaluation.json").rename(tmp_path / "alone" / "evaluation.json")
    alone = Evaluation.read(tmp_path / "alone" / "evaluation.json")
    assert alone.run is None
    assert alone.images == {}


def test_nothing_but_the_contract_is_needed(tmp_path: Path) -> None:
    content = {
        "format": 1,
        "subject": {"kind": "restored", "name": "theirs", "path": "x", "sha256": None},
        "chosen": {"baseline": None},
        "codec": "jpeg",
        "quality": 10,
        "set": {"name": "kodak", "images": 24},
        "metrics": {"psnr": {"compressed": 1, "restored": None}},
        "bits_per_pixel": {"mean": 1},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    one = Evaluation.read(tmp_path / "evaluation.json")
    assert one.metrics["psnr"] == Measured(1.0)
    assert (one.seed, one.triangles, one.run) == (None, {}, None)


def test_the_configuration_of_a_former_evaluation_is_read_from_its_run(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("training: {iterations: 9}\nseed: 4\n")
    found = Evaluation.read(tmp_path / "run" / "evaluation.json").configuration
    assert found == {"training": {"iterations": 9}, "seed": 4}


def test_json_has_no_numbers_that_it_cannot_express() -> None:
    given = {"a": [1.5, math.nan, (math.inf, 2)], "b": {"c": -math.inf, "d": "inf", "e": None, "f": True}}
    assert finite(given) == {"a": [1.5, None, [None, 2]], "b": {"c": None, "d": "inf", "e": None, "f": True}}
    json.dumps(finite(given), allow_nan=False)
