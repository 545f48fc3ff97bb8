import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from biasgan import prepare, train

from . import warm
from .composer import Composer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

gc.disable()  # until all is imported
# Networks and images are tiny here: threads would cost more than they bring, in this process and in those it starts.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

EXTRAS = {
    "app": (("gradio",), "trying/test_page.py"),
    "bpg": (("av", "numba"), "codecs/test_bpg*.py"),
    "export": (("onnx", "onnxruntime", "onnxscript"), "exporting/test_graph_onnx.py"),
    "hub": (("huggingface_hub",), "exporting/test_hub.py"),
    "metrics": (("pyiqa",), "metrics/test_???.py"),
    "slurm": (("hydra_plugins.hydra_submitit_launcher",), "sweep/test_slurm.py"),
    "streaming": (("boto3", "litdata"), "data/streaming/test_streamed.py"),
}
"""What an extra installs, and the tests that need it."""


def installed(name: str) -> bool:
    """Whether a module could be imported."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


MISSING = {extra: [name for name in names if not installed(name)] for extra, (names, _) in EXTRAS.items()}
needs_bpg = pytest.mark.skipif(bool(MISSING["bpg"]), reason="pip install 'biasgan[bpg]'")
BROWSER = ("reporting/test_browser.py", "trying/test_page.py")
NO_BROWSER = not find_spec("playwright") or not shutil.which("chromium")
collect_ignore_glob = [*(tests for extra, (_, tests) in EXTRAS.items() if MISSING[extra]), *BROWSER * NO_BROWSER]


def pytest_report_header() -> list[str]:
    """Say what is not tested."""
    return [
        f"{EXTRAS[extra][1]} skipped: {', '.join(names)} not installed; pip install 'biasgan[{extra}]'"
        for extra, names in MISSING.items()
        if names
    ] + [f"{', '.join(BROWSER)} skipped: needs playwright of the dev group and chromium on the PATH"] * NO_BROWSER


LONG = ("test_ddp.py", "test_faults.py", "test_sweep.py", "test_slurm.py", "test_reproduce.py", "test_train.py")
"""Tests that start many processes."""


def pytest_configure() -> None:
    """Have all processes that tests start be warm."""
    warm.install()


def pytest_collection_finish() -> None:
    """Have Python no longer look for garbage among all that was imported, and not often among the rest."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, *gc.get_threshold()[1:])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long ones run first, so that in the end no worker is left alone with them."""
    items.sort(key=lambda item: item.path.name not in LONG)


NO_PICTURES = ("~callbacks.previews", "~callbacks.curves")
"""To draw takes a third of a training of a second."""

TINY = (
    *("data=folder", "data.valid_every=2", "trainer=cpu", "trainer.precision=32-true", "pairs.workers=0"),
    *("iterations=4", "pretrain_iterations=2", "validate_every=4", "batch_size=2", "patch_size=32"),
    *("generator.channels=8", "generator.convolutions=1", "discriminator.channels=4"),
    *("features.layers={conv1_2:1.0}", "features.weights=random"),
    *NO_PICTURES,
)
"""A training of a second, with both stages and both mitigations."""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def cold(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are marked so start processes as a user does, see `warm`."""
    if request.node.get_closest_marker("cold"):
        monkeypatch.setattr(warm, "cold", True)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test meets the caches and accounts of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BIASGAN_CACHE", str(home / "biasgan"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "huggingface"))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command biasgan, as pip installs it."""
    script = tmp_path_factory.mktemp("bin") / "biasgan"
    script.write_text(f"#!{sys.executable}\nimport sys\n\nfrom biasgan.__main__ import main\n\nsys.exit(main())\n")
    script.chmod(0o755)
    return script


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


class Finished(NamedTuple):
    """A finished run."""

    folder: Path
    cache: Path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six small pictures: with `data.valid_every=2` three to train and three to validate with."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(3)
    for number in range(6):
        coarse = Image.fromarray(random.integers(0, 256, (8, 9, 3), dtype=np.uint8))
        coarse.resize((56, 48), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """In place of a full disk: within the block no file can be written beyond so many bytes."""
    # Windows has none.
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def tiny(pictures: Path, *arguments: str, drawn: bool = False) -> list[str]:
    """Arguments of a tiny training, without its pictures unless they are asked for, and more."""
    options = [option for option in TINY if not drawn or option not in NO_PICTURES]
    return [*options, f"data.root={pictures}", *arguments]


def call(*arguments: str, main: Callable[[], None] = train.main) -> int:
    """Run a command in this process, by default the training, and give its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *arguments])
        patch.setenv("HYDRA_FULL_ERROR", "0")  # to be as before afterwards
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs the training command in an empty folder, with a cache of its own in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIASGAN_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str, main: Callable[[], None] = train.main) -> Done:
        capsys.readouterr()
        status = call(*arguments, main=main)
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    yield run
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.fixture(scope="session")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for runs and caches that are never made."""
    return tmp_path_factory.mktemp("nowhere")


@pytest.fixture
def composed(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Composer]:
    """Composes configurations of trainings."""
    monkeypatch.setenv("BIASGAN_CACHE", str(nowhere / "cache"))
    yield Composer(nowhere)
    HydraConfig.instance().cfg = None


@pytest.fixture
def preparation(command: Command) -> Command:
    """Runs the preparing command in the same folder and with the same cache."""
    return partial(command, main=prepare.main)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Finished:
    """A tiny run, finished; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASGAN_CACHE", str(folder / "cache"))
        assert call(*tiny(pictures, "validate_every=2", f"hydra.run.dir={folder / 'run'}", drawn=True)) == 0
    return Finished(folder / "run", folder / "cache")
