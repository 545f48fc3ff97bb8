import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = "import json, sys, biasgan; print(json.dumps([biasgan.__version__, sorted(sys.modules)]))"
HEAVY = {"torch", "lightning", "hydra", "omegaconf", "numpy", "PIL", "matplotlib", "torchmetrics", "wandb", "rich"}


def test_import_is_instant() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    version, modules = json.loads(done.stdout)
    assert version == "0.1.0"
    assert not HEAVY & set(modules)


@pytest.mark.parametrize("argument", ["--help", "iteratoins=3", "codec=gif"])
def test_the_training_command_answers_before_it_imports_what_trains(tmp_path: Path, argument: str) -> None:
    code = f"""
import json, sys
from biasgan.train import main
sys.argv[1:] = [{argument!r}]
try:
    main()
finally:
    open("modules", "w").write(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (argument != "--help")
    assert ("error: " in done.stderr) == (argument != "--help")
    assert not {"torch", "lightning", "torchmetrics", "wandb"} & set(json.loads((tmp_path / "modules").read_text()))
