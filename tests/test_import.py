import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = "import json, sys, biasgan; print(json.dumps([biasgan.__version__, sorted(sys.modules)]))"
HEAVY = {"torch", "lightning", "hydra", "omegaconf", "numpy", "PIL", "matplotlib", "torchmetrics", "wandb", "rich"}


def test_import_is_instant() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    version, modules = json.loads(done.stdout)
    assert version == "0.1.0"
    assert not HEAVY & set(modules)
