from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.realism import Realism, Scores
from biasgan.analysis.realism_figure import patch_realism_figure
from biasgan.evaluation.drawings import Judged, draw_disparity, draw_image
from biasgan.io.images import read_image

STATES = ("compressed", "restored", "original")


def test_an_image_is_written_in_its_three_states(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    images = {state: random.integers(0, 256, (40, 56, 3), dtype=np.uint8) for state in STATES}
    files = draw_image(tmp_path, "one", images)
    assert files == {"name": "one", **{state: f"pictures/one-{state}.png" for state in (*STATES, "residual")}}
    for state, pixels in images.items():
        assert np.array_equal(read_image(tmp_path / files[state]), pixels)
    with Image.open(tmp_path / files["residual"]) as picture:
        assert picture.width > 2 * picture.height
    assert len(list((tmp_path / "pictures").iterdir())) == 4


def test_the_most_damaged_patch_is_shown_with_its_realism(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = {state: np.zeros((64, 96, 3), np.uint8) for state in STATES}
    images["original"][40:50, 70:80] = 200
    realism = Scores(*(torch.arange(6) / 10 + number / 100 for number in range(3)))
    shown: list[Realism] = []

    def draw(patches: Mapping[str, torch.Tensor], scores: Realism) -> Figure:
        assert patches["original"][:, 8:18, 6:16].min() > 0.7
        assert {patch.shape for patch in patches.values()} == {(3, 32, 32)}
        shown.append(scores)
        return patch_realism_figure(patches, scores)

    monkeypatch.setattr("biasgan.evaluation.drawings.patch_realism_figure", draw)
    files = draw_image(tmp_path, "one", images, Judged(realism, 32))
    assert shown == [pytest.approx((0.5, 0.51, 0.52))]
    with Image.open(tmp_path / files["realism"]) as picture:
        assert picture.width > 2 * picture.height


def test_disparity_is_drawn_where_nothing_was_restored_too(tmp_path: Path) -> None:
    distances = np.linspace(0.1, 0.3, 9)
    draw_disparity(
        tmp_path, {"pixels": Disparity(distances, 0 * distances), "features": Disparity(distances, distances)}
    )
    with Image.open(tmp_path / "disparity.png") as picture:
        assert picture.width > 1.5 * picture.height
