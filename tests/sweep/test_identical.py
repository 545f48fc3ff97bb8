import inspect
import re

import pytest

from biasgan.sweep.identical import BUILT_FROM, refuse_identical, training_key
from biasgan.training import settings

from ..composer import Composer


@pytest.mark.parametrize(
    ("base", "options"),
    [
        ("codec=jpeg", "qp=27"),
        ("codec=bpg", "qf=30"),
        ("codec=webp", "ratio=7 qp=3"),
        ("codec=jpeg", "quality=20"),
        ("baseline=arcnn", "discriminator=vgg"),
        ("baseline=arcnn", "baseline=arcnn method=vanilla"),
        ("data=sample", "download=true"),
    ],
)
def test_options_that_make_no_difference(composed: Composer, base: str, options: str) -> None:
    assert training_key(composed(base)) == training_key(composed(base, *options.split()))


@pytest.mark.parametrize(
    "options",
    [
        "seed=1", "qf=30", "codec=webp", "iterations=500", "pretrain_iterations=7", "accumulate=2", "method=vanilla",
        "init_from=bundled-pixel", "init_discriminator_from=bundled", "compile=true", "pairs.bad_images=skip",
    ],
)  # fmt: skip
def test_all_else_is_another_training(composed: Composer, options: str) -> None:
    assert training_key(composed()) != training_key(composed(*options.split()))


def test_all_that_a_training_reads_counts() -> None:
    read = set(re.findall(r'config\["(\w+)"\]', inspect.getsource(settings)))
    of_one_attempt, in_words, within_others = (
        {"resume", "repeats", "restarts"},
        {"chosen", "started_from"},
        {"accumulate", "batch_size", "best", "codec", "iterations", "quality"},
    )
    assert read - of_one_attempt - in_words - within_others <= set(BUILT_FROM)


def test_identical_jobs_are_named_with_what_makes_no_difference() -> None:
    jobs = [
        [f"seed={seed}", f"qp={qp}", f"ratio={ratio}", "resume=auto"]
        for seed in (0, 1)
        for qp in (1, 2)
        for ratio in (3, 4)
    ]
    keys = [job[0] for job in jobs]
    with pytest.raises(ValueError, match=r"train the same: 'seed=0 qp=1 ratio=3', .* differ in qp= and ratio= alone"):
        refuse_identical(jobs, keys)
    many = [[f"qp={qp}"] for qp in range(20)]
    with pytest.raises(ValueError, match=r"'qp=3', 'qp=4' and 15 more\. They differ in qp= alone"):
        refuse_identical(many, ["key"] * 20)


def test_jobs_of_which_nothing_is_known_are_not_compared() -> None:
    refuse_identical([["a=1"], ["a=2"], ["a=3"]], [None, None, "key"])
