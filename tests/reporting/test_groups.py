from pathlib import Path
from typing import Any

from biasgan.reporting.evaluations import find_evaluations
from biasgan.reporting.groups import by_condition, grouped, labels_of
from biasgan.reporting.paper import Subject

from .made import make_evaluation, make_sweep


def labels(folder: Path) -> dict[str, int]:
    """Labels of the groups of a folder, with how many are in each."""
    return {
        group.label: len(members) for group, members in grouped(find_evaluations([str(folder)]).evaluations).items()
    }


def test_seeds_and_qualities_are_one_group_in_the_order_of_the_paper(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "arcnn"), ("vanilla", "full"), (37, 42), (0, 1, 2))
    make_evaluation(tmp_path / "own", "my_net", None)
    assert labels(tmp_path) == {"AR-CNN": 6, "Real-ESRGAN, vanilla": 6, "Real-ESRGAN, full": 6, "my_net": 1}


def test_what_differs_in_more_than_the_seed_is_told_apart(tmp_path: Path) -> None:
    chosen = {"baseline": "esrgan", "method": "full", "codec": "bpg", "data": "div2k"}
    for seed, scale in enumerate(("demo", "paper")):
        make_evaluation(tmp_path / scale, "esrgan", "full", seed, chosen=chosen | {"scale": scale})
    assert labels(tmp_path) == {"ESRGAN, full (scale demo)": 1, "ESRGAN, full (scale paper)": 1}
    long = {"seed": 5, "iterations": 9}
    make_evaluation(tmp_path / "long", "esrgan", "full", 5, chosen=chosen | {"scale": "paper"}, training=long)
    assert labels(tmp_path).keys() == {
        "ESRGAN, full (scale demo)",
        "ESRGAN, full (scale paper, iterations 9)",
        "ESRGAN, full (scale paper, iterations 1000)",
    }


def test_two_of_one_seed_are_no_seeds_of_each_other(tmp_path: Path) -> None:
    for name in ("fast", "slow"):
        subject = {"kind": "run", "name": name, "path": name, "sha256": name}
        for quality in (37, 42):
            make_evaluation(tmp_path / f"{name}{quality}", subject=subject, quality=quality)
    assert labels(tmp_path) == {"Real-ESRGAN, full: fast": 2, "Real-ESRGAN, full: slow": 2}


def test_what_has_no_baseline_has_its_name(tmp_path: Path) -> None:
    def subject(name: str, path: str) -> dict[str, Any]:
        return {"kind": "restored", "name": name, "path": path, "sha256": None}

    make_evaluation(tmp_path / "a", None, subject=subject("theirs", "/a"))
    make_evaluation(tmp_path / "b", None, subject=subject("theirs", "/b"))
    make_evaluation(tmp_path / "c", None, subject={"kind": "compressed", "name": "jpeg", "path": "", "sha256": None})
    assert labels(tmp_path) == {"theirs": 1, "theirs: /b": 1}


def test_a_baseline_without_discriminator_has_no_method(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", "arcnn", "vanilla")
    ((group, _),) = grouped(find_evaluations([str(tmp_path)]).evaluations).items()
    assert group.subject == Subject("arcnn", None)


def test_images_have_labels_of_their_own(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a")
    make_evaluation(tmp_path / "b", codec_identity={"codec": "bpg", "library": "jctvc"})
    make_evaluation(tmp_path / "c", set={"name": "div2k-valid", "images": 100, "fingerprint": "feed" * 16})
    make_evaluation(tmp_path / "d", images=10)
    make_evaluation(tmp_path / "e", quality=42)
    evaluations = find_evaluations([str(tmp_path)]).evaluations
    conditions = by_condition(grouped(evaluations), evaluations)
    assert sorted(labels_of(conditions).values()) == [
        "div2k-valid, bpg 37 (10 images)",
        "div2k-valid, bpg 37 (100 images) (library jctvc)",
        "div2k-valid, bpg 37 (100 images) (library x265 4.1) (set c0ffeec0)",
        "div2k-valid, bpg 37 (100 images) (library x265 4.1) (set feedfeed)",
        "div2k-valid, bpg 42",
    ]
    assert [len(groups) for groups in conditions.values()] == [1] * 5
