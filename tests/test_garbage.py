import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = """
import gc
from biasgan.garbage import without_collection

with without_collection():
    assert not gc.isenabled()
    kept = [[] for _ in range(1000)]
assert gc.isenabled()
count = gc.get_freeze_count()
assert count > 1000

try:
    with without_collection():
        more = [[] for _ in range(1000)]
        raise ImportError
except ImportError:
    assert gc.isenabled()
assert gc.get_freeze_count() == count
"""


def test_what_is_imported_once_is_never_looked_through() -> None:
    subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, check=True)
