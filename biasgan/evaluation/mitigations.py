"""Build the mitigations of a finished run anew."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from lightning.pytorch import Callback
from torch import nn

from biasgan.runs.build import build
from biasgan.runs.weights import check_targets, class_in, discriminator_file, read_config, targets_in
from biasgan.training.mitigations.mitigation import Mitigation


def load_mitigations(path: str | Path) -> list[Mitigation]:
    """Build the mitigations that a discriminator was trained with, as its configuration says, in their order.

    They say what it is shown; see `MitigatedDiscriminator`. Other callbacks of the training are not built.

    Args:
        path: What `discriminator_file` takes.

    Raises:
        CheckpointError: If the file is damaged, or something in its configuration is no callback or no mitigation that
            can be imported here.
        FileNotFoundError: If there is no such file.
    """
    file = discriminator_file(path)
    callbacks: object = read_config(file).get("callbacks", {})
    mitigations: list[Mitigation] = []
    for node in cast(Mapping[str, object], callbacks).values() if isinstance(callbacks, Mapping) else [callbacks]:
        target = next(targets_in(node), node)
        if issubclass(class_in(str(target), (Callback,), "callback", file), Mitigation):
            check_targets(node, (Mitigation, nn.Module), "mitigation", file)
            mitigations.append(build(Mitigation, cast(Mapping[str, object], node)))
    return mitigations
