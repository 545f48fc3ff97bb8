from pathlib import Path
from typing import Any

from biasgan.reporting.groups import by_images, counterpart, grouped, repeated
from biasgan.reporting.paper import Subject
from biasgan.reporting.search import find_evaluations

from .made import TRAINED, make_evaluation, make_sweep

SUBJECT = {"kind": "run", "name": "one", "path": "one", "sha256": "1"}


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
    x265: dict[str, Any] = {"codec_identity": {"codec": "bpg", "library": "x265 4.1"}}
    make_evaluation(tmp_path / "a", **x265)
    make_evaluation(tmp_path / "b", codec_identity={"codec": "bpg", "library": "jctvc"})
    images = {"name": "div2k-valid", "images": 100, "fingerprint": "feed" * 16}
    make_evaluation(tmp_path / "c", set=images, **x265)
    make_evaluation(tmp_path / "d", images=10, **x265)
    make_evaluation(tmp_path / "e", quality=42, **x265)
    evaluations = find_evaluations([str(tmp_path)]).evaluations
    images = by_images(grouped(evaluations), evaluations)
    assert sorted(one.label for one in images) == [
        "div2k-valid, bpg 37 (10 images)",
        "div2k-valid, bpg 37 (100 images) (library jctvc)",
        "div2k-valid, bpg 37 (100 images) (library x265 4.1) (set c0ffeec0)",
        "div2k-valid, bpg 37 (100 images) (library x265 4.1) (set feedfeed)",
        "div2k-valid, bpg 42",
    ]
    assert [len(one.groups) for one in images] == [1] * 5


def config(weight: float = 0.1, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """The part of a configuration that these tests change."""
    regularizer = {
        "_target_": "biasgan.training.mitigations.divergence_regularizer.DivergenceRegularizer",
        "weight": weight,
    }
    training = {"_target_": "biasgan.training.gan.RestorationGAN", "layers": {"conv1_2": 1.0}, **more}
    return {"training": training, "callbacks": {"divergence_regularizer": regularizer}}


def test_seeds_of_other_configurations_are_no_seeds_of_each_other(tmp_path: Path) -> None:
    for seed, weight in ((0, 0.01), (1, 1), (2, 1.0)):
        make_evaluation(tmp_path / str(seed), seed=seed, config=config(weight))
    weight = "\N{GREEK SMALL LETTER LAMDA}"
    assert labels(tmp_path) == {f"Real-ESRGAN, full ({weight} 0.01)": 1, f"Real-ESRGAN, full ({weight} 1)": 2}


def test_labels_say_all_in_which_few_traits_differ(tmp_path: Path) -> None:
    for seed, (weight, clip) in enumerate(((0.1, None), (1, None), (1, 2))):
        make_evaluation(tmp_path / str(seed), seed=seed, config=config(weight, clip_gradients=clip))
    weight = "\N{GREEK SMALL LETTER LAMDA}"
    assert labels(tmp_path).keys() == {
        f"Real-ESRGAN, full ({weight} 0.1, no clip_gradients)",
        f"Real-ESRGAN, full ({weight} 1, no clip_gradients)",
        f"Real-ESRGAN, full ({weight} 1, clip_gradients 2)",
    }


def test_a_repeated_training_is_no_second_seed_and_the_latest_counts(tmp_path: Path) -> None:
    for number, (seed, date) in enumerate(((0, "2026-01-03"), (0, "2026-01-02"), (1, "2026-01-01"))):
        subject = {"kind": "run", "name": str(number), "path": str(number), "sha256": str(number)}
        make_evaluation(tmp_path / str(number), seed=seed, date=date, config=config(), subject=subject)
    evaluations = find_evaluations([str(tmp_path)]).evaluations
    (members,) = grouped(evaluations).values()
    assert [member.subject.name for member in members] == ["0", "2"]
    assert repeated(evaluations) == {tmp_path / "1" / "evaluation.json": tmp_path / "0" / "evaluation.json"}


def test_another_quality_than_its_own_leaves_a_method_as_it_was(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",), qualities=(27, 32, 37, 42), config=config())
    other = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": 37, **TRAINED}
    make_evaluation(tmp_path / "cross", quality=42, config=config(), training=other, subject=SUBJECT)
    assert labels(tmp_path) == {"Real-ESRGAN, full": 4, "Real-ESRGAN, full (trained for bpg 37)": 1}


def test_a_network_for_several_qualities_is_a_row_of_its_own(tmp_path: Path) -> None:
    make_sweep(tmp_path / "own", methods=("full",), qualities=(27, 37), config=config())
    mixed = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": "22-42", **TRAINED}
    for quality in (27, 37, "22-42"):
        blind: dict[str, Any] = {"config": config(), "training": mixed, "subject": SUBJECT}
        make_evaluation(tmp_path / "blind" / str(quality), quality=quality, **blind)
    assert labels(tmp_path) == {"Real-ESRGAN, full": 2, "Real-ESRGAN, full (trained for bpg 22-42)": 3}


def test_the_counterpart_differs_in_the_method_alone(tmp_path: Path) -> None:
    plain = {"training": config()["training"], "callbacks": {}}
    for clip in (1, 2):
        training = {**plain["training"], "clip_gradients": clip}
        changes: dict[str, Any] = {
            "config": {**plain, "training": training},
            "subject": {**SUBJECT, "sha256": f"{clip}"},
        }
        make_evaluation(tmp_path / f"vanilla{clip}", method="vanilla", **changes)
    make_evaluation(tmp_path / "full", method="full", config=config(3, clip_gradients=2))
    make_evaluation(tmp_path / "other", method="divergence", config=config(3, clip_gradients=4))
    groups = {group.label: group for group in grouped(find_evaluations([str(tmp_path)]).evaluations)}
    assert [one.label for one in counterpart(groups["Real-ESRGAN, full"], groups.values())] == [
        "Real-ESRGAN, vanilla (clip_gradients 2)"
    ]
    assert counterpart(groups["Real-ESRGAN, divergence"], groups.values()) == []
