from pathlib import Path

import pytest

from biasgan.runs.folder import RunFolder, runs_in


def test_the_folder_of_a_run_tells_what_is_in_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert not run.is_begun
    assert run.read_config() == run.read_summary() == {}
    run.write_config({"options": ["callbacks.ema._target_=biasgan.training.ema.EMA"], "qf": 20})
    assert run.is_begun
    assert not run.is_finished
    assert list(run.read_config()) == ["options", "qf"]
    run.write_summary({"psnr": 30.0})
    assert run.is_finished
    assert RunFolder(str(run.path)).read_summary() == {"psnr": 30.0}
    assert [found.path for found in runs_in(tmp_path)] == [run.path]


def test_results_are_removed_and_nothing_else(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    results = (run.summary, run.generator, run.discriminator)
    run.checkpoints.mkdir()
    for file in (*results, run.config, run.log, run.last):
        file.touch()
    run.remove_results()
    run.remove_results()
    assert not [file for file in results if file.exists()]
    assert [file for file in (run.config, run.log, run.last) if not file.is_file()] == []


def test_names_of_classes_in_a_configuration_are_those_of_now(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_config({"callbacks": {"ema": {"_target_": "biasgan.training.ema.EMA"}}})
    assert run.read_config()["callbacks"]["ema"]["_target_"] == "biasgan.training.callbacks.ema.EMA"


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_a_damaged_configuration_is_none(tmp_path: Path, text: str) -> None:
    run = RunFolder(tmp_path)
    run.config.write_text(text)
    assert run.read_config() == {}


def test_a_damaged_summary_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.summary.write_text("{")
    with pytest.raises(ValueError, match=r"summary\.json is no readable summary"):
        run.read_summary()
