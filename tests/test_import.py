import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = "import json, sys, biasgan; dir(biasgan); print(json.dumps([biasgan.__version__, sorted(sys.modules)]))"
HEAVY = {"torch", "lightning", "hydra", "omegaconf", "numpy", "PIL", "matplotlib", "torchmetrics", "wandb", "rich"}


def test_import_is_instant() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    version, modules = json.loads(done.stdout)
    assert version == "0.1.0"
    assert not HEAVY & set(modules)


ENDED = """
import json, sys
from runpy import run_module
sys.argv = {words!r}
try:
    run_module("biasgan." + sys.argv[0], run_name="__main__")
finally:
    open("modules", "w").write(json.dumps(sorted(sys.modules)))
"""
RESTORED = """
import json, sys
from PIL import Image
Image.linear_gradient("L").convert("RGB").save("photo.jpg")
import biasgan
biasgan.load()("photo.jpg")
from biasgan import enhance
sys.argv = ["enhance", "photo.jpg"]
try:
    enhance.main()
finally:
    open("modules", "w").write(json.dumps(sorted(sys.modules)))
"""


def ended(folder: Path, code: str) -> tuple[int, str, set[str]]:
    """How a program ended, what it said of errors, and what it had imported."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, set(json.loads((folder / "modules").read_text()))


@pytest.mark.parametrize(
    "words",
    [
        *("train --help", "train iteratoins=3", "train codec=gif"),
        *("prepare --help", "prepare codec=gif"),
        *("export --help", "export --run bundled --format tflite", "interpolate a b weight=0.5"),
        *("app --help", "app --prt 1", "completion bash", "completion tcsh"),
        *("weights list", "weights ftech", "enhance --help", "enhance none.jpg --tile 0", "reproduce --help"),
        *("evaluate --help", "evaluate metrcs=fast", "report --help", "report --rnus outputs", "report runs=outputs"),
    ],
)
def test_commands_answer_before_they_import_what_takes_long(tmp_path: Path, words: str) -> None:
    status, errors, modules = ended(tmp_path, ENDED.format(words=words.split()))
    fine = words.endswith(("--help", "list", "bash"))
    assert (status == 0) == fine, errors
    assert ("error: " in errors) != fine
    assert not {"torch", "lightning", "torchmetrics", "wandb", "matplotlib", "scipy"} & modules


def test_restoring_takes_pytorch_and_little_else(tmp_path: Path) -> None:
    status, errors, modules = ended(tmp_path, RESTORED)
    assert status == 0, errors
    needless = {"yaml", "tifffile", "lightning", "hydra", "omegaconf", "torchmetrics", "matplotlib", "kornia"}
    needless |= {"skimage", "scipy", "pyiqa", "wandb", "torchvision", "spandrel"}
    assert needless & modules == set()
