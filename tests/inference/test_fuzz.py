from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from biasgan.codecs import bpg

from ..fuzz.beside import EXTENSIONS
from ..fuzz.metadata import GOOD, batch

CASES, SIZE = 40, 20
"""Of each kind of file, and of each batch."""


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_damaged_metadata_costs_no_other_picture(tmp_path: Path, extension: str) -> None:
    if extension == "bpg" and not all(map(find_spec, bpg.NEEDED)):
        pytest.skip("pip install 'biasgan[bpg]'")
    verdicts = Counter[str]()
    for start in range(0, CASES, SIZE):
        verdicts += batch(extension, range(start, start + SIZE), 1, tmp_path / str(start))
    assert verdicts["restored"] >= CASES - 2
    assert set(verdicts) <= set(GOOD)
