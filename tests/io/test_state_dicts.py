from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from biasgan.io.state_dicts import Weights, find_state_dict, forms, unwrapped

OWN: dict[str, Tensor] = {"conv.weight": torch.ones(4, 4), "conv.bias": torch.ones(2), "scale": torch.ones(())}
RAW: dict[str, Tensor] = {name: torch.zeros_like(tensor) for name, tensor in OWN.items()}
JUDGE: dict[str, Tensor] = {f"layers.{number}.weight": torch.full((3, 3), 2.0) for number in range(9)}
COUNTER = {"n_averaged": torch.tensor(100)}
OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(9), "step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1.0}]}


def under(prefix: str, weights: Mapping[str, Tensor] = OWN) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in weights.items()}


WRAPPED: dict[str, dict[str, Any]] = {
    "bare": OWN,
    "params": {"params": OWN, "iter": 5},
    "params_ema first": {"params": RAW, "params_ema": OWN},
    "compiled": {"params": under("_orig_mod")},
    "ddp of compiled": {"params": under("module._orig_mod")},
    "compiled ddp": {"model": under("_orig_mod.module")},
    "AveragedModel": {"params_ema": {**COUNTER, **under("module")}},
    "a counter beside": {**COUNTER, **OWN},
    "Lightning": {"state_dict": under("model"), "epoch": 1, "optimizer_states": [OPTIMIZER]},
    "Lightning with a loss": {"state_dict": {**under("net"), **under("criterion.vgg", JUDGE)}},
    "Lightning GAN": {"state_dict": {**under("net_g.module"), **under("net_d", JUDGE), **under("vgg", JUDGE)}},
    "Lightning GAN with averages": {"state_dict": {**under("netG", RAW), **under("netG_ema"), **under("netD", JUDGE)}},
    "netG": {"netG": OWN, "netD": JUDGE, "iter": 5},
    "generator": {"generator": OWN, "discriminator": {}},
    "G and D": {"G": RAW, "G_ema": OWN, "D": JUDGE, "G_optimizer": OPTIMIZER},
    "model and model_ema": {"model": RAW, "model_ema": {"module": OWN, "decay": torch.tensor(0.99)}},
    "deep": {"checkpoint": {"model": {"state_dict": OWN}}, "optimizer": OPTIMIZER},
    "with numbers": {"state_dict": OWN, "best": torch.tensor(31.2), "mean": torch.zeros(3), "epoch": 3},
}


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("form", WRAPPED)
def test_a_generator_is_found_in_whatever_it_is_wrapped_in(form: str) -> None:
    found = find_state_dict(WRAPPED[form], "generator")
    assert found
    assert same(unwrapped(found.weights, list(OWN)), OWN)


@pytest.mark.parametrize("form", ["Lightning GAN", "Lightning GAN with averages", "netG", "G and D"])
def test_a_discriminator_is_found_beside_it(form: str) -> None:
    found = find_state_dict(WRAPPED[form], "discriminator")
    assert found
    assert same(unwrapped(found.weights, list(JUDGE)), JUDGE)


def test_where_it_was_is_told() -> None:
    found = find_state_dict(WRAPPED["Lightning GAN"], "generator")
    assert found
    assert found.path == ("state_dict", "net_g")


@pytest.mark.parametrize("content", [{}, OPTIMIZER, {"epoch": 3, "params": {"a": [1.0]}}, {"best": torch.tensor(3.0)}])
def test_where_there_are_no_weights_there_is_none(content: dict[str, Any]) -> None:
    assert find_state_dict(content, "generator") is None


def test_what_is_not_to_be_told_is_refused() -> None:
    with pytest.raises(LookupError, match="is of a training without a generator"):
        find_state_dict({"netD": JUDGE}, "generator")
    with pytest.raises(LookupError, match="is of a training without a discriminator"):
        find_state_dict({"state_dict": under("net_g")}, "discriminator")
    with pytest.raises(LookupError, match="has weights of several networks, at netG_A, netG_B; save the generator's"):
        find_state_dict({"netG_A": OWN, "netG_B": RAW}, "generator")


def test_names_of_another_network_stay_as_they_are() -> None:
    assert unwrapped(JUDGE, list(OWN)) is JUDGE
    deeper = {**OWN, "conv2.weight": torch.ones(2)}
    assert unwrapped(deeper, list(OWN)) == deeper
    assert unwrapped({}, list(OWN)) == {}
    assert unwrapped(OWN, []) == OWN


def test_wrappers_go_one_by_one() -> None:
    weights = {**COUNTER, **under("module._orig_mod", JUDGE)}
    assert [sorted(form)[0] for form in forms(weights)] == [
        "module._orig_mod.layers.0.weight",
        "module._orig_mod.layers.0.weight",
        "_orig_mod.layers.0.weight",
        "layers.0.weight",
        "0.weight",
    ]
