import hashlib
import json
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from spandrel import ModelLoader
from torch import Tensor, nn

from biasgan import export
from biasgan.exporting import formats
from biasgan.networks.any_size import restore
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.dcad import DCAD
from biasgan.networks.rrdbnet import RRDBNet
from biasgan.runs.weights import load_generator, read_config, write_weights

from .conftest import MISSING, Command, Finished

needs_export = pytest.mark.skipif(bool(MISSING["export"]), reason="pip install 'biasgan[export]'")
FORMATS = ["safetensors", "pth", pytest.param("onnx", marks=needs_export), "torchscript"]
TARGETS = {DCAD: "biasgan.networks.dcad.DCAD", RRDBNet: "biasgan.networks.rrdbnet.RRDBNet"} | {
    ARCNN: "biasgan.networks.arcnn.ARCNN"
}


@pytest.fixture
def exporting(command: Command) -> Command:
    """Runs the exporting command in an empty folder."""
    return partial(command, main=export.main)


def written(network: nn.Module, folder: Path, **sizes: int) -> Path:
    """A weight file of a network, as a run leaves it."""
    path = folder / "weights.safetensors"
    write_weights(network, {"generator": {"_target_": TARGETS[type(network)], **sizes}}, path)
    return path


def run_as_the_card_says(file: Path, image: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Run the Python in a model card."""
    (code,) = re.findall("```python\n(.*?)```", Path(f"{file}.md").read_text(), re.DOTALL)
    monkeypatch.chdir(file.parent)
    names = {"image": image.numpy() if file.suffix == ".onnx" else image}
    with torch.inference_mode():
        exec(code, names)
    return torch.as_tensor(names["restored"])


@pytest.mark.filterwarnings("ignore:.*torch.jit.load.*:FutureWarning")
@pytest.mark.parametrize("form", FORMATS)
def test_a_run_is_exported_and_its_card_says_how_it_is_used(
    exporting: Command, finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    name = {"torchscript": "pt"}.get(form, form)
    done = exporting("--run", str(finished.folder), "--format", form, "--out", f"made/it.{name}")
    file = tmp_path / "made" / f"it.{name}"
    assert done == (0, f"made/it.{name}\nmade/it.{name}.md\n", "")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {
        "made", f"made/it.{name}", f"made/it.{name}.md",
    }  # fmt: skip
    image = torch.rand(1, 3, 21, 34)
    with torch.inference_mode():
        expected = restore(load_generator(finished.folder), image)
        result = run_as_the_card_says(file, image, monkeypatch)
    torch.testing.assert_close(result, expected if form in ("onnx", "torchscript") else expected.clamp(0, 1))


def test_the_card_has_the_figures_of_the_run(exporting: Command, finished: Finished, tmp_path: Path) -> None:
    licence = "CC BY 4.0 | mine"
    assert (
        exporting("--run", str(finished.folder), "--format", "pth", "--out", "it.pth", "--licence", licence).status == 0
    )
    summary = json.loads((finished.folder / "summary.json").read_text())
    rows = dict(re.findall(r"\| ([^|]+?) \| (.*?) \|\n", (tmp_path / "it.pth.md").read_text()))
    assert rows["licence"] == r"CC BY 4.0 \| mine"
    assert rows["sha-256"] == f"`{hashlib.sha256((tmp_path / 'it.pth').read_bytes()).hexdigest()}`"
    assert rows["PSNR, dB"] == f"{summary['compressed']['psnr']:.4f} | {summary['restored']['psnr']:.4f}"
    assert rows["SSIM"] == f"{summary['compressed']['ssim']:.4f} | {summary['restored']['ssim']:.4f}"
    assert rows["realism of restored"] == f"{summary['realism']['restored']:.4f}"
    assert rows["deviation (eq. 1), %"] == f"{summary['deviation']:.4f}"
    assert rows["data"] == "folder, 3 images"
    assert rows["codec's identity"] == ", ".join(
        f"{key} {value}" for key, value in summary["codec_identity"].items() if key != "codec"
    )
    assert (rows["codec"], rows["quality"], rows["method"]) == ("jpeg", "20", "full")
    assert rows["iterations"] == "4, of which 2 with the pixel loss alone"
    assert rows["perceptual features"] == "random"
    assert rows["network"].startswith(f"SRVGGNetCompact, {summary['generator_parameters']:,} parameters, channels 8")
    assert "unknown" not in (tmp_path / "it.pth.md").read_text()


def test_a_checkpoint_says_that_its_figures_are_unknown(exporting: Command, finished: Finished, tmp_path: Path) -> None:
    last = finished.folder / "checkpoints" / "last.ckpt"
    assert exporting("--run", str(last), "--format", "safetensors", "--out", "it.safetensors").status == 0
    card = (tmp_path / "it.safetensors.md").read_text()
    assert "They are unknown" in card
    assert "| codec | jpeg |" in card
    assert "| licence | not stated." in card


@pytest.mark.parametrize("form", ["safetensors", "pth"])
def test_weights_in_their_own_names_keep_their_configuration(
    exporting: Command, finished: Finished, tmp_path: Path, form: str
) -> None:
    assert exporting("--run", str(finished.folder), "--format", form, "--out", f"it.{form}").status == 0
    file = tmp_path / f"it.{form}"
    assert read_config(file) == read_config(finished.folder / "generator.safetensors")
    image = torch.rand(1, 3, 9, 7)
    assert torch.equal(load_generator(file)(image), load_generator(finished.folder)(image))


@pytest.mark.parametrize("form", ["safetensors", "pth"])
@pytest.mark.parametrize("kind", ["DCAD", "RRDBNet"])
@torch.no_grad()
def test_spandrel_opens_the_file_and_gives_the_same_bits(
    exporting: Command, tmp_path: Path, form: str, kind: str
) -> None:
    if kind == "DCAD":
        source = written(DCAD(8, 6), tmp_path, channels=8, convolutions=6)
    else:
        source = written(RRDBNet(8, 1, 32), tmp_path, channels=8, blocks=1, growth=32)
    assert exporting("--run", str(source), "--format", form, "--out", f"it.{form}").status == 0
    opened = ModelLoader(device="cpu").load_from_file(tmp_path / f"it.{form}")
    image = torch.rand(1, 3, 12, 16)
    network = load_generator(source)
    assert torch.equal(opened.model.eval()(image), network(image))
    again = load_generator(tmp_path / f"it.{form}")
    assert torch.equal(again(image), network(image))
    assert "from spandrel" in (tmp_path / f"it.{form}.md").read_text()


@pytest.mark.parametrize("kind", ["ARCNN", "RRDBNet", "DCAD"])
def test_what_spandrel_does_not_know_is_opened_by_this_package(
    exporting: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """RRDBNet of another growth than 32 and too short a DCAD are among it."""
    if kind == "ARCNN":
        source = written(ARCNN(), tmp_path)
    elif kind == "DCAD":
        source = written(DCAD(8, 4), tmp_path, channels=8, convolutions=4)
    else:
        source = written(RRDBNet(8, 1, 16), tmp_path, channels=8, blocks=1, growth=16)
    assert exporting("--run", str(source), "--format", "pth", "--out", "it.pth").status == 0
    image = torch.rand(1, 3, 10, 7)
    with torch.inference_mode():
        expected = restore(load_generator(source), image)
        assert torch.equal(run_as_the_card_says(tmp_path / "it.pth", image, monkeypatch), expected)
    assert "spandrel" not in (tmp_path / "it.pth.md").read_text()


def test_it_goes_beside_the_weights_and_replaces_nothing_unasked(exporting: Command, tmp_path: Path) -> None:
    source = written(ARCNN(), tmp_path)
    assert exporting("--run", str(source), "--format", "torchscript").status == 0
    file = tmp_path / "export" / "weights.pt"
    for taken, other in ((file, Path(f"{file}.md")), (Path(f"{file}.md"), file)):
        taken.write_text("mine")
        other.unlink(missing_ok=True)
        done = exporting("--run", str(source), "--format", "torchscript")
        text = f"error: {taken} is there already. Give another --out, or --overwrite."
        assert (done.status, done.err.strip()) == (1, text)
        assert taken.read_text() == "mine"
        assert not other.exists()
    assert exporting("--run", str(source), "--format", "torchscript", "--overwrite").status == 0
    assert file.read_bytes()[:2] == b"PK"
    assert Path(f"{file}.md").read_text().startswith("# ARCNN")


def test_the_packages_own_goes_where_the_command_is_run(exporting: Command, tmp_path: Path) -> None:
    done = exporting("--run", "bundled-pixel", "--format", "safetensors")
    assert done.out.splitlines()[0] == "export/bundled-pixel.safetensors"
    opened = ModelLoader(device="cpu").load_from_file(tmp_path / "export" / "bundled-pixel.safetensors")
    image = torch.rand(1, 3, 12, 16)
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(image), load_generator("bundled-pixel")(image))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--run", "missing", "--format", "pth"], "missing: expected a run folder"),
        (["--run", "bundled", "--format", "pth", "--out", "."], ". is a folder; --out takes the name of a file."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(
    exporting: Command, tmp_path: Path, arguments: list[str], text: str
) -> None:
    done = exporting(*arguments)
    assert done.status == 1
    assert done.err.strip().startswith(f"error: {text}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--run", "bundled", "--format", "tflite"], "argument --format: invalid choice: 'tflite'"),
        (["--run", "bundled"], "give either --format, for a file, or --to, for the hub"),
        (
            ["run=a b", "format=pth", "overwrite=true"],
            "options are --flags now; write: biasgan export --run 'a b' --format pth --overwrite\n",
        ),
    ],
)
def test_wrong_commands_are_said_at_once(exporting: Command, arguments: list[str], text: str) -> None:
    done = exporting(*arguments)
    assert (done.status, done.out) == (2, "")
    assert text in done.err


def test_help(exporting: Command) -> None:
    done = exporting("--help")
    assert done.status == 0
    assert tuple(formats.FORMATS) == export.FORMATS
    assert all(form in done.out for form in export.FORMATS)
