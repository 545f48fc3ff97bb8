"""The notebooks run, as they are, and show what they are committed with."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALLOWED = {"biasgan", "matplotlib", "numpy"}
KILOBYTES = 500
PATHS = re.compile(r"/(?:home|root|Users|tmp|work|usr|opt)/|[A-Z]:\\|site-packages")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_of(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def seen(output: NotebookNode) -> str:
    """The kind of an output; pictures may differ in a pixel from one processor to another."""
    return "+".join(sorted(output.get("data", {}))) or output.get("name", output.output_type)


def check_outputs(notebook: NotebookNode) -> None:
    """Fail on errors, on anything that went to stderr, and on paths of a machine."""
    for cell in code_of(notebook):
        for output in cell.outputs:
            words = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            assert output.output_type != "error", words
            assert output.get("name") != "stderr", words
            assert "Warning" not in words
            assert not PATHS.search(words), words


def test_there_are_three() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["1-", "2-", "3-"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what Jupyter and Matplotlib keep."""
    return tmp_path_factory.mktemp("settings")


@each
def test_a_notebook_runs_and_gives_what_it_shows(
    path: Path, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(settings / name))
    shown = nbformat.read(path, as_version=4)
    run = nbformat.read(path, as_version=4)
    NotebookClient(run, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    check_outputs(run)
    for before, after in zip(code_of(shown), code_of(run), strict=True):
        assert [seen(output) for output in before.outputs] == [seen(output) for output in after.outputs]
    assert any("image/png" in seen(output) for cell in code_of(run) for output in cell.outputs)


@each
def test_what_a_notebook_is_committed_with(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 1000 * KILOBYTES
    check_outputs(notebook)
    assert not PATHS.search("".join(cell.source for cell in notebook.cells))
    cells = code_of(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each
def test_a_notebook_imports_the_package_only(path: Path) -> None:
    source = "\n".join(cell.source for cell in code_of(nbformat.read(path, as_version=4)))
    found = set[str]()
    for node in ast.walk(ast.parse(re.sub(r"^%matplotlib inline$", "", source, flags=re.MULTILINE))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    assert {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) <= ALLOWED
    assert any(name.startswith("biasgan") for name in found)
