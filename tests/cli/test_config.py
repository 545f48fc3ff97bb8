import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from biasgan.cli.config import (
    CONF,
    default_iterations,
    default_pretrain_iterations,
    digest_of,
    plain,
    register_resolvers,
    run_folder,
)


@pytest.fixture(autouse=True)
def resolvers() -> None:
    register_resolvers()


def test_configuration_files_are_found() -> None:
    assert (CONF / "train.yaml").is_file()


def test_values_by_scale() -> None:
    config = OmegaConf.create({"scale": "paper", "part": {"width": "${by_scale:{demo:8, paper:64}}"}})
    assert plain(config) == {"scale": "paper", "part": {"width": 64}}


def test_resolvers_can_be_registered_again() -> None:
    register_resolvers()
    assert OmegaConf.has_resolver("run_folder")


@pytest.mark.parametrize(
    ("recipe", "init_from", "expected"),
    [
        ((1_000_000, 400_000), None, 1_400_000),
        ((1_000_000, 400_000), "weights.pth", 400_000),
        ((500_000, 0), None, 500_000),
        ((500_000, 0), "weights.pth", 500_000),
    ],
)
def test_iterations_of_a_recipe(recipe: tuple[int, int], init_from: str | None, expected: int) -> None:
    assert default_iterations(*recipe, init_from) == expected


@pytest.mark.parametrize(
    ("iterations", "init_from", "expected"), [(1_400, None, 1_000), (2, None, 1), (1_400, "weights.pth", 0)]
)
def test_share_of_the_pixel_stage(iterations: int, init_from: str | None, expected: int) -> None:
    assert default_pretrain_iterations(iterations, 1_000_000, 400_000, init_from) == expected


def test_a_resumed_run_keeps_its_folder(tmp_path: Path) -> None:
    assert run_folder(None, "fresh") == "fresh"
    assert run_folder("auto", "fresh") == "fresh"
    assert run_folder(str(tmp_path), "fresh") == str(tmp_path)
    assert run_folder(str(tmp_path / "checkpoints" / "best.ckpt"), "fresh") == str(tmp_path)


def test_a_plain_configuration_is_made_of_plain_containers() -> None:
    made = plain(OmegaConf.create({"a": {"b": [1, {"c": "${d}"}]}, "d": 2}))
    assert made == {"a": {"b": [1, {"c": 2}]}, "d": 2}
    assert type(made["a"]) is dict
    assert type(made["a"]["b"]) is list


def test_a_missing_value_is_named() -> None:
    for refers in ({}, {"a": "${data.root}", "z": {"b": "${data}"}}):
        with pytest.raises(ValueError, match=r"data\.root has no value; add data\.root=VALUE"):
            plain(OmegaConf.create({**refers, "data": {"root": "???"}}))


def test_cores_are_those_that_this_process_may_use() -> None:
    assert plain(OmegaConf.create({"workers": "${cores:}"}))["workers"] in range(1, (os.cpu_count() or 1) + 1)


def test_a_check_may_not_download() -> None:
    config = OmegaConf.create({"check": True, "download": "${may_download:${check}}"})
    assert plain(config)["download"] is False
    config.check = False
    assert plain(config)["download"] is True


def test_options_are_known_by_what_they_say_not_by_their_order_or_by_how_they_are_run() -> None:
    digest = digest_of(["qf=20", "seed=1"])
    assert digest == digest_of(["seed=1", "qf=20", "sweep.jobs=2", "resume=auto"])
    assert len({digest, digest_of(["qf=20"]), digest_of(["qf=20", "seed=11"]), digest_of(["qf=20,seed=1"])}) == 4
