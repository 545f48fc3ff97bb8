"""What the README shows in Python does what it says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from biasgan.io.images import read_image

from .conftest import needs_bpg

BLOCKS = re.findall(r"```python\n(.*?)```", Path(__file__).parents[1].joinpath("README.md").read_text(), re.DOTALL)


def block_with(text: str) -> str:
    """The one block of code that has some text in it."""
    (block,) = (block for block in BLOCKS if text in block)
    return block


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_photograph_is_restored() -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (33, 47, 3), dtype=np.uint8)).save("photo.jpg")
    names: dict[str, Any] = {}
    exec(block_with("biasgan.load"), names)
    assert names["restored"].size == (47, 33)
    assert not np.array_equal(np.asarray(names["restored"]), read_image("photo.jpg"))


@needs_bpg
def test_bpg_encodes_and_decodes() -> None:
    names = {"array": np.full((20, 30, 3), 77, np.uint8)}
    exec(block_with("bpg.encode"), names)
    assert names["array"].shape == (20, 30, 3)
    assert np.abs(names["array"].astype(int) - 77).max() <= 2
