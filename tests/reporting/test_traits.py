from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biasgan.evaluation.result import Evaluation
from biasgan.reporting.traits import flat, shown, text, told_apart, trained_for, traits_of

from ..composer import Composer
from .made import X265, make_evaluation

Make = Callable[..., Evaluation]
CODED = {"codec_identity": X265}
LAMBDA = "\N{GREEK SMALL LETTER LAMDA}"


def changed(config: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A configuration with values at other places, by the names on the way to them; those that are ... are removed."""
    for path, value in changes.items():
        *way, last = path.split(".")
        table = config
        for name in way:
            table = table.setdefault(name, {})
        if value is ...:
            del table[last]
        else:
            table[last] = value
    return config


@pytest.fixture
def make(tmp_path: Path, composed: Composer) -> Make:
    """Makes an evaluation of a training with some changes, and with other facts in its summary."""

    def made(
        changes: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
        baseline: str = "realesrgan",
        **content: Any,  # noqa: ANN401
    ) -> Evaluation:
        config = changed(composed(f"baseline={baseline}", "codec=bpg", "data=div2k"), changes or {})
        known = {"seed": config["seed"], "quality": config["quality"], "iterations": config["iterations"]}
        known |= {"pretrain_iterations": config["pretrain_iterations"], "precision": "32-true", "features": "random"}
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        make_evaluation(folder, baseline, training={**known, **(training or {})}, config=config, **content)
        return Evaluation.read(folder / "evaluation.json")

    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7, "loader.seed": 7},
        {"trainer.val_check_interval": 7, "validate_every": 7, "callbacks.checkpoints.every": 7},
        {
            "loader.workers": 0,
            "loader.source.workers": 9,
            "loader.source.store": "x",
        },
        {"trainer.devices": 2, "loader.batch_size": 4, "trainer.accelerator": "gpu", "trainer.strategy": "ddp"},
        {"callbacks.previews": ..., "training.log_every": 3, "training.metrics": {}, "logger": {}, "compile": True},
        {"trainer.default_root_dir": "/x/run", "callbacks.mine": {"path": "/x/run/mine"}, "resume": "a", "sweep": {}},
        {
            "callbacks.rates": {
                "_target_": "lightning.pytorch.callbacks.LearningRateMonitor",
                "x": 1,
            }
        },
        {"loader.source.bad_images": "skip"},
        {"callbacks.ema._convert_": "all", "callbacks.ema.decay": 0.980, "training.weights.pixel": 1},
        {"loader.source.images.root": "/elsewhere", "qf": 3, "pixel_stage": "there", "repeats": "that"},
    ],
)
def test_what_makes_no_other_training(make: Make, changes: dict[str, Any]) -> None:
    same = {"originals_fingerprint": "cafe" * 16}
    assert traits_of(make(changes, same)) == traits_of(make(None, same))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"callbacks.divergence_regularizer.weight": 1}, f"{LAMBDA} 1"),
        ({"callbacks.divergence_regularizer.per": "batch"}, "hinge per batch"),
        ({"training.weights.adversarial": 0.5}, "weights.adversarial 0.5"),
        ({"training.optimizer.betas": [0.5, 0.9]}, "optimizer.betas 0.5, 0.9"),
        ({"training.optimizer.weight_decay": 1e-2}, "optimizer.weight_decay 0.01"),
        ({"training.schedule.learning_rate": 3e-4}, "schedule.learning_rate 0.0003"),
        ({"loader.batch_size": 4}, "batch 4"),
        ({"trainer.devices": 2}, "batch 16"),
        ({"loader.patch_size": 32}, "patch 32"),
        ({"training.accumulate": 2}, "accumulate 2"),
        ({"training.clip_gradients": 1}, "clip_gradients 1"),
        ({"callbacks.ema.decay": 0.5}, "EMA decay 0.5"),
        ({"training.generator.channels": 32}, "generator.channels 32"),
        ({"training.layers": {"conv1_2": 1}}, "layers conv1_2 1"),
        ({"init_from": "a/run"}, "init_from a/run"),
        ({"trainer.sync_batchnorm": True}, "sync_batchnorm true"),
        ({"callbacks.mine": {"_target_": "my.Own", "strength": 3}}, "mine Own, mine.strength 3"),
        ({"callbacks.mine": {"_target_": "my.Own", "_args_": [3]}}, "mine Own, mine._args_ 3"),
        ({"training.adversarial_loss._target_": "my.Hinge"}, "adversarial_loss Hinge"),
        ({"loader.source.images.root": "/mine"}, "images div2k, /mine"),
        ({"interpolated": {"weight": 0.5}}, "interpolated weight 0.5"),
    ],
)
def test_what_makes_another_training(make: Make, change: dict[str, Any], words: str) -> None:
    one, other = traits_of(make()), traits_of(make(change))
    assert ", ".join(told_apart(other, [one, other])) == words
    assert told_apart(one, [one, other])


def test_the_summary_tells_what_the_configuration_cannot(make: Make) -> None:
    def told(training: dict[str, Any], baseline: str = "realesrgan") -> list[str]:
        one, other = (traits_of(make(None, some, baseline)) for some in ({}, training))
        return told_apart(other, [one, other])

    assert told({"precision": "bf16-mixed"}) == ["precision bf16-mixed"]
    assert told({"features": "imagenet"}) == ["features imagenet"]
    assert told({"features": "imagenet"}, "arcnn") == []  # they only watch
    assert told({"recipe": {"processes": 4}}) == ["batch 32"]
    assert told({"iterations": 5}) == ["iterations 5", "planned iterations 650"]
    assert told({"originals_fingerprint": "cafe" * 16, "training_images": 9}) == ["images 9 of hash cafecafe"]


def test_pairs_that_were_given_are_told_apart_by_all_their_pixels(make: Make) -> None:
    given = {"quality": "given", "originals_fingerprint": "cafe"}
    made = [traits_of(make(training={**given, "data_fingerprint": digits})) for digits in ("one", "other")]
    assert told_apart(made[0], made) == ["images None of hash one"]


@pytest.mark.parametrize(
    ("training", "evaluated", "words"),
    [
        ({"quality": 37}, {}, ""),
        ({"quality": 42}, {}, "trained for bpg 42"),
        ({"quality": "given"}, {}, ""),
        ({"quality": "27-47"}, {}, "trained for bpg 27-47"),
        ({"quality": "27-47"}, {"quality": "27-47"}, "trained for bpg 27-47"),
        ({"quality": 37, "codec_identity": {"codec": "webp"}}, {}, "trained for webp 37"),
        (
            {"quality": 37, "codec_identity": {**X265, "chroma": "4:4:4"}},
            {"codec_identity": X265},
            "trained for chroma 4:4:4",
        ),
        ({"quality": 37, "codec_identity": {**X265, "encoder": "x265 3.5"}}, {"codec_identity": X265}, ""),
    ],
)
def test_what_was_trained_for_is_told_where_it_is_not_what_was_evaluated(
    make: Make, training: dict[str, Any], evaluated: dict[str, Any], words: str
) -> None:
    assert trained_for(make(training=training, **evaluated))[0] == words


def test_without_a_summary_the_configuration_tells_codec_and_quality(make: Make, tmp_path: Path) -> None:
    blind = {"codec._target_": "biasgan.codecs.jpeg.JPEG", "quality": "10-50"}
    config = make(blind).configuration
    weights = {"kind": "weights", "name": "best", "path": "best.ckpt", "sha256": "1"}
    chosen = {"baseline": "realesrgan", "method": "full", "codec": "jpeg_blind"}
    more = {"subject": weights, "chosen": chosen, "config": config, "training": {}}
    make_evaluation(tmp_path / "weights", codec="jpeg", quality=20, **more)
    one = Evaluation.read(tmp_path / "weights" / "evaluation.json")
    assert one.seed == 0
    assert trained_for(one) == ("trained for jpeg 10-50", {})
    assert traits_of(one)["weights"] == "best"


def test_a_configuration_that_is_no_such_thing_is_none(tmp_path: Path) -> None:
    for number, config in enumerate(({"training": 3}, [], {"training": {}, "trainer": 1, "callbacks": {"a": 2}})):
        make_evaluation(tmp_path / str(number), config=config)
        traits = traits_of(Evaluation.read(tmp_path / str(number) / "evaluation.json"))
        assert traits["configuration"] == (None if number == 2 else "unknown")


def test_values_in_words() -> None:
    assert [text(value) for value in (1, 1.0, 0.1, True, None, [1, 2.5], {"b": 1, "a": 2}, [])] == [
        *("1", "1", "0.1", "true", None, "1, 2.5", "a 2, b 1", "nothing"),
    ]
    table = {"a": {"x": 1, "_target_": "m.A", "_convert_": "all"}, "layers": {"conv1_2": 0.1}, "none": None}
    assert dict(flat(table)) == {"a._target_": "m.A", "a.x": "1", "layers": "conv1_2 0.1", "none": None}
    assert shown("training.loss._target_", "a.Loss", {"a.Loss", "b.Loss"}) == "loss a.Loss"
    assert shown("training.loss._target_", "a.Loss", {"a.Loss", "b.Other"}) == "loss Loss"
    assert (shown("callbacks.mine._target_", None), shown("scale", None), shown("weights", None)) == (
        *("no mine", "scale unknown", ""),
    )


def test_many_differences_are_shortened() -> None:
    one = dict.fromkeys("abcdef", "1")
    other = dict.fromkeys("abcdef", "2")
    assert told_apart(one, [one, other]) == ["a 1", "…"]
    demo, paper = {"scale": "demo", **one}, {"scale": "paper", **other}
    assert told_apart(demo, [demo, paper]) == ["scale demo"]
