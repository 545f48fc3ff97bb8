from pathlib import Path

import pytest
import torch
from torch import nn

from biasgan.analysis.patches import patch_grid
from biasgan.losses.adversarial import RelativisticAverageLoss
from biasgan.losses.perceptual import feature_distance
from biasgan.runs.log import read_log
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.mitigations.conditional_discriminator import ConditionalDiscriminator

from ..conftest import LAYERS, MakePairs, make_fidelity, make_gan, make_trainer


def test_a_generator_that_does_nothing_deviates_by_minus_one_hundred(make_pairs: MakePairs, tmp_path: Path) -> None:
    module = make_fidelity(iterations=1)
    module.generator = nn.Identity()
    log = CSVLog(tmp_path / "log.csv")
    make_trainer(BiasMonitor(LAYERS, 32), loggers=(log,)).validate(module, datamodule=make_pairs(), verbose=False)
    row = next(row for row in read_log(log.path) if "bias/deviation" in row)
    assert row["bias/deviation"] == -100
    assert row["bias/distance_compressed_restored"] == 0
    assert row["bias/distance_compressed_original"] == row["bias/distance_restored_original"] > 0
    assert not any("realism" in name for name in row)


@pytest.mark.parametrize("relativistic", [False, True])
def test_realism_and_distances_are_those_of_the_networks_as_trained(
    make_pairs: MakePairs, tmp_path: Path, relativistic: bool
) -> None:
    """Computed once more by hand from the definitions, on the same patches."""
    loss = RelativisticAverageLoss() if relativistic else None
    gan = make_gan(iterations=3, in_channels=6, adversarial_loss=loss)
    log, pairs = CSVLog(tmp_path / "log.csv"), make_pairs(iterations=3)
    callbacks = (ConditionalDiscriminator(), BiasMonitor(LAYERS, 32))
    make_trainer(*callbacks, loggers=(log,), max_steps=3, validate_every=3).fit(gan, datamodule=pairs)
    row = next(row for row in read_log(log.path) if "bias/deviation" in row)

    patches: dict[str, list[torch.Tensor]] = {"compressed": [], "original": [], "restored": []}
    with torch.no_grad():
        gan.eval()
        for batch in pairs.val_dataloader():
            compressed, original, _ = pairs.on_after_batch_transfer(batch, 0)
            for name, image in (("compressed", compressed), ("original", original), ("restored", gan(compressed))):
                patches[name].append(patch_grid(image.clamp(0, 1), 32, 16))
        images = {name: torch.cat(parts) for name, parts in patches.items()}
        logits = {n: gan.discriminator(torch.cat([images["compressed"], i], 1)) for n, i in images.items()}
        features = {name: gan.extract(image) for name, image in images.items()}
    if relativistic:
        means = {name: values.mean(dim=(1, 2, 3)) for name, values in logits.items()}
        opposite = {"original": "restored", "restored": "original", "compressed": "restored"}
        expected = {name: (means[name] - means[opposite[name]].mean()).sigmoid().mean() for name in means}
    else:
        expected = {name: values.sigmoid().mean() for name, values in logits.items()}
    for name, value in expected.items():
        assert row[f"bias/realism_{name}"] == pytest.approx(value.item(), rel=1e-4)
    for side in ("compressed_restored", "compressed_original", "restored_original"):
        one, other = side.split("_")
        distance = feature_distance(features[one], features[other], LAYERS).mean()
        assert row[f"bias/distance_{side}"] == pytest.approx(distance.item(), rel=1e-4)
