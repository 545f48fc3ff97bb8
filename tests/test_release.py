import re
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import pytest
import yaml

import biasgan

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
PACKAGE = '"""A package."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = """# Changelog

## [Unreleased]

- Not yet.

## [1.2.0] - 2026-01-31

### Added

- This.

## [1.1.0] - 2025-01-31

- That.
"""


@pytest.fixture(scope="module")
def notes() -> Callable[[str, str, str], str]:
    return run_path(str(ROOT / ".ci/notes"))["notes"]


def test_a_release_has_its_section(notes: Callable[[str, str, str], str]) -> None:
    assert notes("v1.2.0", PACKAGE, CHANGELOG) == "### Added\n\n- This."
    assert notes("v1.1.0", PACKAGE.replace("1.2", "1.1"), CHANGELOG) == "- That."


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.1.0"])
def test_a_tag_that_is_not_the_version_fails(notes: Callable[[str, str, str], str], tag: str) -> None:
    with pytest.raises(ValueError, match=rf"{tag} is no tag of this package, whose version is 1\.2\.0\."):
        notes(tag, PACKAGE, CHANGELOG)


def test_a_release_without_a_section_fails(notes: Callable[[str, str, str], str]) -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG\.md has no section \[1\.3\.0\]"):
        notes("v1.3.0", PACKAGE.replace("1.2", "1.3"), CHANGELOG)


def test_the_version_stands_in_one_place(notes: Callable[[str, str, str], str]) -> None:
    package = Path(biasgan.__file__).read_text()
    assert notes(f"v{biasgan.__version__}", package, f"## [{biasgan.__version__}] - now\n\nAll.\n") == "All."
    assert not re.search(r"^version = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_workflows_pin_actions_and_run_what_is_there(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert all(re.search(r"@v\d", step["uses"]) for step in steps if "uses" in step)
    ran = [word for step in steps for word in step.get("run", "").split()]
    assert all((ROOT / word).exists() for word in ran if word.startswith((".ci/", "tests/", "docs/")))
