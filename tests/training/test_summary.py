import json
import math
from functools import partial
from typing import Any

from biasgan.training.summary import described

from ..conftest import Finished


class Strength:
    """Something that only this test knows."""

    def __init__(self, amount: float, *, kind: str = "soft", limit: float = math.inf, how: Any = math.sqrt) -> None:  # noqa: ANN401
        self.amount = amount


def with_more(first: int, **others: int) -> None:
    """Takes any names."""


def test_a_run_says_all_that_makes_it_what_it_is(finished: Finished) -> None:
    recipe = json.loads((finished.folder / "summary.json").read_text())["recipe"]
    sizes = ("batch_size", "processes", "patch_size", "accumulate", "clip_gradients", "precision", "ema_decay")
    assert [recipe[name] for name in sizes] == [2, 1, 32, 1, None, "32-true", 0.98]
    assert (recipe["iterations"], recipe["pretrain_iterations"]) == (4, 2)
    optimizer = recipe["optimizer"]
    assert (optimizer["name"], optimizer["betas"], optimizer["weight_decay"]) == ("torch.optim.Adam", [0.9, 0.99], 0)
    assert "lr" not in optimizer
    assert recipe["pretrain_schedule"] == {
        **{"name": "biasgan.training.schedule.Cosine", "learning_rate": 5e-4, "minimum": 5e-5},
        "periods": 1,
    }
    assert recipe["schedule"]["learning_rate"] == 1e-3
    weights = {"pixel": 1.0, "perceptual": 1.0, "adversarial": 0.1}
    assert recipe["weights"] == {"name": "biasgan.training.gan.LossWeights", **weights}
    assert recipe["adversarial_loss"]["name"].endswith("VanillaAdversarialLoss")
    assert recipe["layers"] == {"conv1_2": 1.0}
    assert recipe["features"]["weights"] == "random"
    assert (recipe["generator"]["channels"], recipe["discriminator"]["in_channels"]) == (8, 6)
    assert recipe["mitigations"] == {
        "divergence_regularizer": {
            "name": "biasgan.training.mitigations.divergence_regularizer.DivergenceRegularizer",
            **{"weight": 0.1, "layers": {"conv1_2": 1.0}, "per": "sample"},
        },
        "conditional_discriminator": {
            "name": "biasgan.training.mitigations.conditional_discriminator.ConditionalDiscriminator",
        },
    }


def test_calls_are_described_with_their_defaults() -> None:
    here = f"{Strength.__module__}."
    node = {"_target_": f"{here}Strength", "amount": 2, "_convert_": "all"}
    expected = {"amount": 2, "kind": "soft", "limit": "inf", "how": "math.sqrt"}
    assert described(node) == {"name": f"{here}Strength", **expected}
    nested = {"a": [{"_target_": f"{here}Strength", "_args_": [3], "kind": "hard", "_partial_": True}, 1.5]}
    assert described(nested) == {"a": [{"name": f"{here}Strength", **expected, "amount": 3, "kind": "hard"}, 1.5]}
    more = {"_target_": f"{here}with_more", "first": 1, "second": 2}
    assert described(more) == {"name": f"{here}with_more", "first": 1, "second": 2}
    assert described({"_target_": "nowhere.Thing", "amount": 2}) == {"name": "nowhere.Thing", "amount": 2}
    assert described(partial) == "functools.partial"
