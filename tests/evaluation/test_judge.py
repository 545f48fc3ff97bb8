"""What of a finished run is built anew, and what is not."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from biasgan.evaluation.judge import load_mitigations
from biasgan.runs.weights import CheckpointError
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator
from biasgan.training.mitigations.mitigation import Mitigation

MKDIR = {"_target_": "os.mkdir", "path": "made"}


class Own(Mitigation):
    """A user's mitigation, with a network of its own."""

    extra_channels = 2

    def __init__(self, network: nn.Module, factor: float = 1.0) -> None:
        self.network = network
        self.factor = factor


OWN = f"{__name__}.Own"
CONVOLUTION = {"_target_": "torch.nn.Conv2d", "in_channels": 3, "out_channels": 2, "kernel_size": 1}


def with_callbacks(path: Path, callbacks: object) -> Path:
    """A discriminator's file with callbacks in its configuration."""
    torch.save({"config": {"callbacks": callbacks}, "params": {"weight": torch.ones(1)}}, path)
    return path


def test_the_mitigations_of_a_run_are_built_from_its_configuration_in_their_order(tmp_path: Path) -> None:
    callbacks = {
        "ema": {"_target_": "biasgan.training.callbacks.ema.EMA", "decay": "not looked at", "more": MKDIR},
        "own": {"_target_": OWN, "network": CONVOLUTION, "factor": 0.5},
        "conditional": {"_target_": "biasgan.training.mitigations.conditional_discriminator.ConditionalDiscriminator"},
    }
    own, conditional = load_mitigations(with_callbacks(tmp_path / "d.ckpt", callbacks))
    assert isinstance(own, Own)
    assert isinstance(own.network, nn.Conv2d)
    assert own.factor == 0.5
    assert isinstance(conditional, ConditionalDiscriminator)
    assert not Path("made").exists()
    names = [type(mitigation).__name__ for mitigation in load_mitigations("bundled")]
    assert names == ["DivergenceRegularizer", "ConditionalDiscriminator"]


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (MKDIR, "callback made by os.mkdir"),
        ({"_target_": "torch.nn.Conv2d"}, "callback made by torch.nn.Conv2d"),
        ({"_target_": "mine.Own"}, "callback made by mine.Own"),
        ({"_target_": "${oc.env:HOME}"}, r"callback made by ${oc.env:HOME}"),
        ("${oc.create:{_target_:os.mkdir,path:made}}", "callback made by ${oc.create"),
        (None, "callback made by None"),
        ({"_target_": OWN, "network": MKDIR}, "mitigation made by os.mkdir"),
        ({"_target_": OWN, "network": {**CONVOLUTION, "bias": [(MKDIR,)]}}, "mitigation made by os.mkdir"),
        ({"_target_": OWN, "network": {"_target_": "pathlib.Path"}}, "mitigation made by pathlib.Path"),
        (
            {"_target_": OWN, "network": {"_target_": "biasgan.training.callbacks.ema.EMA"}},
            "mitigation made by biasgan.training",
        ),
    ],
)
def test_a_configuration_calls_nothing_but_mitigations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: object, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for callbacks in ({"x": node}, node) if not isinstance(node, dict) else ({"x": node},):
        with pytest.raises(
            CheckpointError, match=rf"hostile\.ckpt has a {re.escape(what)}.* name its folder in PYTHON"
        ):
            load_mitigations(with_callbacks(Path("hostile.ckpt"), callbacks))
    assert not Path("made").exists()


def test_a_text_that_hydra_would_look_up_is_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "${oc.create:{_target_:os.mkdir,path:made}}"
    (own,) = load_mitigations(with_callbacks(Path("hostile.ckpt"), {"x": {"_target_": OWN, "network": text}}))
    assert isinstance(own, Own)
    assert own.network == text
    assert not Path("made").exists()
