import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import biasgan
from biasgan.runs import environment
from biasgan.runs.environment import commit, cpu_name, device_name, dirty, hardware, versions


def test_releases_are_those_that_are_installed() -> None:
    found = versions()
    assert found["torch"] == version("torch")
    assert found["biasgan"] == biasgan.__version__
    assert re.fullmatch(r"3\.\d+\.\d+", found["python"])


def test_what_is_not_installed_has_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    assert versions().keys() == {"python", "biasgan", "torch"}


def test_processors_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_name(torch.device("cpu")) == cpu_name() != ""
    assert device_name(torch.device("mps")) == f"mps of {cpu_name()}"
    monkeypatch.setattr(environment, "CPU_NAMES", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU: fast\nprocessor\t: 1\nmodel name\t: B\n")
    assert cpu_name() == "Some CPU: fast"


def test_a_checkout_has_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "biasgan").mkdir()
    monkeypatch.setattr(biasgan, "__file__", str(tmp_path / "biasgan" / "__init__.py"))
    assert commit() is dirty() is None
    (tmp_path / ".git").mkdir()
    assert commit() is None
    (tmp_path / ".git").rmdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    found = commit()
    assert found
    assert re.fullmatch("[0-9a-f]{40}", found)
    assert dirty() is False
    (tmp_path / "photo.png").touch()
    assert dirty() is False
    (tmp_path / "biasgan" / "new.py").touch()
    assert dirty() is True


def test_a_machine_has_a_processor_and_memory() -> None:
    machine = hardware()
    assert machine["processor"] == cpu_name()
    assert machine["cores"] == os.cpu_count()
    assert isinstance(machine["memory_gib"], int)
    assert machine["gpus"] == [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
