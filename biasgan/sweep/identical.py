from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from biasgan.io.checksums import sha256_of_json

BUILT_FROM = (
    *("loader", "training", "callbacks", "trainer", "logger"),
    *("seed", "patch_size", "pretrain_iterations", "init_from", "init_discriminator_from", "pixel_stage", "compile"),
)
"""What a training reads of its configuration; all else only leads to these."""
NAMED = 5
"""Jobs that an error names, at most."""


def training_key(config: Mapping[str, Any]) -> str:
    """What tells a training from others: two of one key would train the same, whatever their options are.

    Args:
        config: The resolved configuration in plain containers, the run folder left out.
    """
    read = {name: config.get(name) for name in BUILT_FROM}
    return sha256_of_json(read)


def refuse_identical(jobs: Sequence[Sequence[str]], keys: Sequence[str | None]) -> None:
    """Refuse a sweep in which several jobs would train the same.

    Args:
        jobs: The options of each.
        keys: Their `training_key`; None where it is not known.

    Raises:
        ValueError: Names the jobs, and the options that make no difference.
    """
    groups: defaultdict[str, list[Sequence[str]]] = defaultdict(list)
    for options, key in zip(jobs, keys, strict=True):
        if key is not None:
            groups[key].append(options)
    same = next((group for group in groups.values() if len(group) > 1), None)
    if same is None:
        return
    everywhere = set(same[0]).intersection(*same)
    names = dict.fromkeys(
        option.partition("=")[0] for options in same for option in options if option not in everywhere
    )
    common = set(jobs[0]).intersection(*jobs)
    labels = [f"'{' '.join(option for option in options if option not in common)}'" for options in same]
    listed = ", ".join(labels[:NAMED]) + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")
    without = " and ".join(f"{name}=" for name in names)
    raise ValueError(
        f"Jobs of this sweep would train the same: {listed}. They differ in {without} alone, which makes no difference "
        f"to them; give one value of {without}."
    )
