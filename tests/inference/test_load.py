from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import biasgan
from biasgan.inference.early_exit import EarlyExitRBQE
from biasgan.inference.load import load_model
from biasgan.networks.any_size import restore
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.rbqe import RBQE
from biasgan.runs.weights import load_generator, write_weights

from ..conftest import Finished


def test_a_model_is_a_restorer(finished: Finished, pictures: Path) -> None:
    with Image.open(pictures / "0.png") as picture:
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    for model in (finished.folder, finished.folder / "generator.safetensors", "bundled", "bundled-pixel"):
        restored = biasgan.load(model, device="cpu", precision="32")(image)
        with torch.no_grad():
            expected = restore(load_generator(model), image[None])[0].clamp(0, 1)
        torch.testing.assert_close(restored, expected, atol=1e-6, rtol=0)
        assert not torch.equal(restored, image)


def test_the_default_needs_nothing_to_be_given(pictures: Path) -> None:
    restored = biasgan.load()(pictures / "0.png")
    assert (restored.mode, restored.size) == ("RGB", (56, 48))


def test_realism_mixes_the_bundled_model_with_its_twin() -> None:
    twin, own = (load_generator(word).state_dict() for word in ("bundled-pixel", "bundled"))
    for weight in (0.0, 0.25, 1.0):
        mixed = load_model("bundled", weight).state_dict()
        for name, tensor in mixed.items():
            torch.testing.assert_close(tensor, twin[name] + weight * (own[name] - twin[name]))
    assert all(torch.equal(tensor, own[name]) for name, tensor in load_model().state_dict().items())


def test_other_models_have_no_twin(finished: Finished) -> None:
    for model in (str(finished.folder), "bundled-pixel"):
        with pytest.raises(ValueError, match=r"only bundled brings that; .* biasgan.interpolate A B --weight 0.5"):
            load_model(model, 0.5)
    with pytest.raises(ValueError, match=r"from 0, .* to 1"):
        load_model("bundled", 2)


@pytest.mark.parametrize(
    ("codec", "exits", "leaves"),
    [("jpeg.JPEG", 3, True), ("bpg.BPG", 3, True), ("webp.WebP", 3, False), ("jpeg.JPEG", 1, False)],
)
def test_an_rbqe_leaves_early_where_its_gate_is_known(tmp_path: Path, codec: str, exits: int, leaves: bool) -> None:
    config = {
        "generator": {"_target_": "biasgan.networks.rbqe.RBQE", "channels": 4, "levels": 3, "exits": exits},
        "codec": {"_target_": f"biasgan.codecs.{codec}"},
    }
    write_weights(RBQE(channels=4, levels=3, exits=exits), config, tmp_path / "rbqe.safetensors")
    assert isinstance(load_model(tmp_path / "rbqe.safetensors"), EarlyExitRBQE) == leaves


def test_weights_without_a_configuration_of_a_codec_serve(tmp_path: Path) -> None:
    write_weights(ARCNN(), {"generator": {"_target_": "biasgan.networks.arcnn.ARCNN"}}, tmp_path / "a.safetensors")
    assert isinstance(load_model(tmp_path / "a.safetensors"), ARCNN)
