"""In what our images, trainings and metrics differ from those of the paper's figures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from biasgan.evaluation.result import Condition, Evaluation, Json, part
from biasgan.reporting import paper
from biasgan.reporting.groups import Group
from biasgan.reporting.traits import WATCHERS

ASKED_ELSEWHERE = {
    *("baseline", "method", "codec", "scale", "data", "pairs", "quality", "qualities", "qf", "qp", "ratio", "seed"),
    *("metrics", "logger", "trainer", "experiment", "contender", "contenders", "features.weights", "loader.workers"),
    *("validate_every", "checkpoint_every", "compile", "download", "sweep", "hydra"),
    *("resume", "repeats", "pixel_stage"),
}
"""Options that leave a training what its scale makes of it, or whose effect is looked at itself."""


class Unlike(NamedTuple):
    """In what something of ours differs from the paper's."""

    short: str
    """For a cell."""
    long: str
    """For a note."""


def in_short(unlike: Iterable[Unlike]) -> str:
    """What differs, for a cell: `other set, scale`; empty where nothing does."""
    found: dict[str, dict[str, None]] = {}
    for one in unlike:
        how, _, what = one.short.partition(" ")
        found.setdefault(how, {})[what] = None
    return ", ".join(f"{how} {', '.join(what)}" for how, what in found.items())


def differences(evaluations: Iterable[Evaluation], qualities: Sequence[str] = paper.QUALITY) -> list[Unlike]:
    """In what images differ from those of the paper's tables; empty where figures can be compared.

    Args:
        evaluations: Of the images: one set and one codec, at several qualities where the table has a curve.
        qualities: The table's qualities.
    """
    evaluations = list(evaluations)
    if not evaluations:
        return [Unlike("unknown set", "nothing was evaluated")]
    conditions = list(dict.fromkeys(one.condition for one in evaluations))
    codec = conditions[0].codec
    told = set_differences(evaluations)
    if codec != "bpg":
        return [*told, Unlike("other codec", f"the codec is {codec}")]
    told += encoder_differences(conditions[0])
    # Those that x265 codes as JCT-VC codes the paper's are nearest to them.
    nearest = [str(int(quality) + paper.X265_TAKES) for quality in qualities]
    found = {condition.quality for condition in conditions}
    if found != set(qualities) and not (is_x265(conditions[0]) and found == set(nearest)):
        listed = ", ".join(condition.quality for condition in conditions)
        told.append(Unlike("other quality", f"the QP is {listed} instead of {', '.join(qualities)}"))
    return told


def set_differences(evaluations: Sequence[Evaluation]) -> list[Unlike]:
    """Whether images are others than the validation images of DIV2K, by their names and sizes, not by their folder."""
    name, count = evaluations[0].condition[:2]
    sides = long_sides(evaluations)
    if not sides:
        return [Unlike("unknown set", f"which images {name} has is not known without evaluation.csv")]
    same = sides.keys() == paper.NAMES_OF_IMAGES and count == len(sides) and min(sides.values()) >= paper.LONG_SIDE
    return [] if same else [Unlike("other set", f"the set is {name} of {count} images")]


def is_flickr2k(evaluations: Sequence[Evaluation]) -> bool:
    """Whether images are all of Flickr2K, or those of it to validate with, by their names and sizes."""
    sides = long_sides(evaluations)
    return sides.keys() in paper.NAMES_OF_FLICKR2K and min(sides.values()) >= paper.LONG_SIDE


def long_sides(evaluations: Sequence[Evaluation]) -> dict[str, int]:
    """Images by name with their longer side, 0 where that is no number; empty where no evaluation has their table."""
    images = next((one.images for one in evaluations if one.images), dict[str, Mapping[str, str]]())
    texts = {name: (row.get("height") or "", row.get("width") or "") for name, row in images.items()}
    return {name: max(int(text) if text.isdecimal() else 0 for text in both) for name, both in texts.items()}


def is_x265(condition: Condition) -> bool:
    """Whether images were compressed by x265, within bpgenc or not."""
    return "x265" in str(condition.codec_identity.get("encoder"))


def encoder_differences(condition: Condition) -> list[Unlike]:
    """Whether BPG images were coded by another encoder than the paper's, or with other parameters."""
    identity = condition.codec_identity
    if paper.ENCODER.items() <= identity.items():
        return []
    if is_x265(condition):
        words = f"the encoder is {identity['encoder']}, so that equal QPs are equal in name only"
        return [Unlike("other encoder", words)]
    if "encoder" not in identity:
        return [Unlike("unknown encoder", "the encoder is not known")]
    found = ", ".join(str(identity.get(name, f"unknown {name}")) for name in paper.ENCODER)
    expected = ", ".join(map(str, paper.ENCODER.values()))
    return [Unlike("other encoder", f"the encoder is {found} instead of {expected}")]


def metric_differences(name: str, evaluations: Iterable[Evaluation]) -> list[Unlike]:
    """Whether a metric was measured in another way than the paper's: another variant, of other weights or colours."""
    expected = {"colour": paper.COLOURS.get(name, "RGB"), "range": "[0, 1]", "rounding": "8 bits"}
    for protocol in (one.protocols.get(name, {}) for one in evaluations if name in one.metrics):
        variant = str(protocol.get("variant", "of an unknown variant"))
        same = variant.startswith(paper.VARIANTS.get(name, "?"))
        if not same or any(protocol.get(key) != value for key, value in expected.items()):
            return [Unlike("other variant", f"{paper.METRICS.get(name, name)} is {variant}")]
    return []


def patch_differences(evaluations: Iterable[Evaluation]) -> list[Unlike]:
    """Whether realism was measured on patches of another size than the paper's."""
    sizes = {one.realism.patch_size for one in evaluations if one.realism} - {None, paper.PATCH}
    return [Unlike("other patches", f"patches of {size} pixels") for size in sizes]


def training_differences(group: Group, members: Sequence[Evaluation]) -> list[Unlike]:
    """In what trainings differ from the paper's, as far as is known: scale, features, images, encoder and options."""
    if group.subject is None or not members:
        return []
    traits, training = dict(group.traits), members[0].training
    data: object = members[0].chosen.get("data")
    identity: Json = part(training, "codec_identity") or {}
    features, planned = traits.get("features") or "unknown", traits.get("planned iterations")
    whole_set = data == "div2k" or (training.get("training_images"), training.get("validation_images")) == (800, 100)
    other_encoder = identity.get("codec") == "bpg" and not paper.ENCODER.items() <= identity.items()
    options = [option for option in part(members[0].configuration, "options") or () if by_hand(str(option))]
    told: list[tuple[object, str, str]] = [
        (group.trained_for, "other training", group.trained_for),
        (not group.scale, "unknown scale", "of unknown scale"),
        (group.scale not in (None, "paper"), "other scale", f"scale {group.scale}"),
        (group.subject.method and not is_the_papers(features), "other features", f"features {features}"),
        (not whole_set, "other images", f"trained on {data}"),
        (other_encoder, "other encoder", f"trained on pictures by {identity.get('encoder')}"),
        (planned, "other length", f"{traits.get('iterations')} of {planned} iterations"),
        (options, "other options", ", ".join(map(str, options))),
    ]
    return [Unlike(short, long) for differs, short, long in told if differs]


def by_hand(option: str) -> bool:
    """Whether an option changes what a scale makes of a training."""
    name = option.lstrip("+~").partition("=")[0]
    first, _, rest = name.partition(".")
    watcher = first == "callbacks" and rest.partition(".")[0].title().replace("_", "") in WATCHERS
    return not watcher and not {name, first} & ASKED_ELSEWHERE


def is_the_papers(features: str) -> bool:
    """Whether features are those of VGG-19 with ImageNet's weights."""
    return features.endswith(paper.FEATURES) and not features.startswith("vgg16 ")
