"""What README and documentation show is understood: each command parsed and composed, each piece of Python run."""

import argparse
import re
import shlex
import sys
import tomllib
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import torch
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from PIL import Image

import biasgan
from biasgan.cli.config import CONF, register_resolvers
from biasgan.cli.evaluated import one_for_each_run, with_options_of_run
from biasgan.cli.options import as_given, with_options_of_another
from biasgan.io.published import chosen
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.runs.folder import flat
from biasgan.training.mitigations.mitigated_discriminator import no_features
from biasgan.training.step import Step
from biasgan.weights import suites

from .composer import composition
from .conftest import MISSING, Finished

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
NAMED = {page.name for page in PAGES}
BY_HYDRA = ("train", "prepare", "evaluate")


class Block(NamedTuple):
    """A piece of code in a page."""

    language: str
    file: str
    code: str


def blocks(page: Path, *languages: str) -> list[Block]:
    found = (Block(*match) for match in BLOCK.findall(page.read_text()))
    return [block for block in found if block.language in languages]


def commands(page: Path) -> list[list[str]]:
    """The words of each command, without comments; those that are continued in one."""
    lines = "\n".join(block.code.replace("\\\n", " ") for block in blocks(page, "sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photograph."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (33, 47, 3), dtype=np.uint8)).save("photo.jpg")
    return tmp_path


def write_files(page: Path, folder: Path) -> None:
    """Write those blocks that are titled with a file's name."""
    for block in blocks(page, "python", "yaml"):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.code)


class UnderstoodError(Exception):
    """What a parser made of a command."""


def check_flags(module: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Have a command with flags read its arguments, and do nothing."""
    real = argparse.ArgumentParser.parse_args

    def parse(*words: Any) -> None:  # noqa: ANN401 - as argparse
        raise UnderstoodError(real(*words))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module, *arguments])
        patch.setattr(argparse.ArgumentParser, "parse_args", parse)
        with pytest.raises(UnderstoodError) as understood:
            import_module(module).main()
    return understood.value.args[0]


def check_options(name: str, arguments: Sequence[str], folder: Path) -> None:
    """Compose all configurations that a command with options describes, and see that they lack none."""
    if name == "evaluate":
        each = [with_options_of_run(words) for words in one_for_each_run(as_given(arguments))]
    else:
        each = [with_options_of_another(arguments) if name == "train" else as_given(arguments)]
    for words in each:
        given = get_args_parser().parse_args(words)
        more = [f"hydra.searchpath=[file://{Path(given.config_dir).absolute()}]"] if given.config_dir else []
        options = [
            first_of(option, given.multirun) for option in OverridesParser.create().parse_overrides(given.overrides)
        ]
        register_resolvers()
        config = composition(name, folder, (*options, *more))
        values = flat(cast(dict[str, Any], OmegaConf.to_container(config)))
        assert not [key for key, value in values.items() if value == "???" and not key.startswith("hydra.")], words


def first_of(option: Override, multirun: bool) -> str:
    """An option with the first of its values; of a group, all must be there."""
    if not option.is_sweep_override():
        return str(option.input_line)
    assert multirun, option.input_line
    key, values = option.get_key_element(), list(option.sweep_string_iterator())
    assert not (CONF / key).is_dir() or all((CONF / key / f"{value}.yaml").is_file() for value in values)
    return f"{key}={values[0]}"


def check_command(words: Sequence[str], folder: Path) -> None:
    match words:
        case ["make", target, *variables]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            for variable in variables:
                check_options("train", variable.removeprefix("ARGS=").split(), folder)
        case ["pip", "install", *packages]:
            assert {extra for package in packages for extra in re.findall(r"[\w]+", package.partition("[")[2])} <= {
                *EXTRAS
            }
        case ["torchrun" | "python", *_]:
            module, *arguments = words[words.index("-m") + 1 :]
            check_module(module, arguments, folder)
        case ["biasgan" | "srun", *_]:
            name, *arguments = words[words.index("biasgan") + 1 :]
            check_module(f"biasgan.{name}", arguments, folder)
        case _:
            pytest.fail(f"{shlex.join(words)} is no command that is known here")


def check_module(module: str, arguments: Sequence[str], folder: Path) -> None:
    package, _, name = module.partition(".")
    assert find_spec(module), module
    if package == "tests":
        return
    if name in BY_HYDRA:
        check_options(name, arguments, folder)
        return
    given = check_flags(module, arguments)
    if name == "reproduce":
        check_options("train", ["-m", f"experiment={given.experiment}", *given.rest], folder)
    if name == "weights":
        chosen(given.names, suites())


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_commands_are_understood(page: Path, folder: Path, nowhere: Path, finished: Finished) -> None:
    for name in ("RUN", "ANOTHER"):
        (folder / name).symlink_to(finished.folder)
    write_files(page, folder)
    for words in commands(page):
        # With one folder for all pages: what several of them show is composed once.
        check_command(words, nowhere)


@pytest.mark.parametrize(
    "command",
    [
        *(
            "biasgan train codec=gif",
            "biasgan train qfactor=20",
            "biasgan train data=folder",
            "biasgan enhance --strong",
        ),
        *(
            "biasgan prepare -m codec=jpeg,gif",
            "biasgan train qf=10,20",
            "biasgan weights fetch nothing",
            "make nothing",
        ),
        *("biasgan nothing", "pip install 'biasgan[nothing]'", "biasgan reproduce table5 -- scale=huge", "nothing"),
    ],
)
def test_what_is_wrong_is_found(command: str, nowhere: Path) -> None:
    errors = (AssertionError, HydraException, ImportError, SystemExit, ValueError, pytest.fail.Exception)
    with pytest.raises(errors):
        check_command(shlex.split(command), nowhere)


@pytest.mark.filterwarnings(
    # Of a training without validation, and of one iteration.
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:The number of training batches",
)
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_python_runs(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if MISSING["bpg"] and page.stem == "pairs":
        pytest.skip("pip install 'biasgan[bpg]'")
    write_files(page, folder)
    monkeypatch.setitem(sys.modules, "imagecodecs", ModuleType("imagecodecs"))
    network = SRVGGNetCompact(channels=4, convolutions=1)
    names = {"my_network": network, "pairs": [tuple(torch.rand(2, 3, 32, 32))]}
    for block in blocks(page, "python"):
        exec(block.code.replace("max_steps=1000", "max_steps=1"), names)
    # What the pages say of results.
    match page.stem:
        case "restore":
            assert names["restored"].size == (47, 33)
            assert not np.array_equal(np.asarray(names["restored"]), np.asarray(Image.open("photo.jpg")))
        case "pairs":
            assert np.abs(names["array"].astype(int) - 77).max() <= 2
        case "extend":
            black = torch.zeros(1, 3, 2, 2)
            step = Step(black, black, black, no_features)
            changed = names["Changes"]().discriminator_input(torch.ones(1, 3, 2, 2), step)
            assert changed.shape == (1, 3 + names["Changes"].extra_channels, 2, 2)


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"^  - .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed | {"README.md"} == NAMED


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)", (ROOT / "README.md").read_text())
    assert links
    assert all((ROOT / link).is_file() for link in links)


def test_the_api_has_every_public_name() -> None:
    shown = re.findall(r"^::: biasgan\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    # Which pyright does not see.
    assert sorted(shown) == sorted(vars(biasgan)["__all__"])
