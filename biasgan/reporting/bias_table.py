from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from biasgan.reporting import paper
from biasgan.reporting.evaluations import Condition, Evaluation, part
from biasgan.reporting.flickr2k import is_flickr2k
from biasgan.reporting.groups import Group, Grouped
from biasgan.reporting.likeness import differences, in_short, patch_differences, training_differences
from biasgan.reporting.paper import Subject
from biasgan.reporting.statistics import Mean, mean_of
from biasgan.reporting.table import Cell, Column, Row, Table, cell_of, file_name
from biasgan.reporting.tables import absent_rows, compared, is_number, otherwise, seeds

MEASURES = {"features": "features", "lpips": "LPIPS", "fid": "FID"}
"""What triangles are measured by, and its name."""
CANDIDATES = ("original", "restored", "compressed")
DEVIATION = "Deviation (eq. 1): \N{MINUS SIGN}100 % is as the compressed image, 0 midway, +100 % as the original."
DISPARITY = "Disparity: slope of the restored over the original distance from the compressed; 1 is without bias."
REALISM = "Realism: what the run's own discriminator gives, from 0 to 1."
DISTANCE = "From one to the other: distance by features, of which the deviation is made."


class Measure(NamedTuple):
    """A measure of bias, with where it stands in an evaluation."""

    column: Column
    digits: int
    place: tuple[str, ...]
    interval: tuple[str, ...]
    """Where the interval over images stands."""
    missing: str
    """Why there may be none."""

    def of(self, evaluation: Evaluation) -> float | None:
        """Its value, where there is a finite one."""
        if self.place[0] == "triangles":
            # Of the sides, for these are unrounded and always there.
            triangle = evaluation.triangles.get(self.place[1])
            value = getattr(triangle, self.place[2], None)
        else:
            value = part(evaluation.content, *self.place)
        return float(value) if is_number(value) else None


DEVIATIONS = [
    Measure(
        Column(f"deviation by {text}", "%", None, DEVIATION),
        1,
        ("triangles", name, "deviation"),
        ("triangles", name, "deviation_interval"),
        f"no triangle by {text}",
    )
    for name, text in MEASURES.items()
]
DISPARITIES = [
    Measure(
        Column(f"disparity of {name}", "", None, DISPARITY), 2, ("disparity", name, "slope"), (),
        f"no disparity of {name}",
    )
    for name in ("pixels", "features")
]  # fmt: skip
SCORES = [
    Measure(
        Column(f"realism of {name}", "", None, REALISM),
        2,
        ("realism", name),
        ("realism", f"{name}_interval"),
        "no discriminator was there to judge",
    )
    for name in CANDIDATES
]
DISTANCES = [
    Measure(
        Column(f"{one} to {other}", "", None, DISTANCE),
        4,
        ("triangles", "features", f"{one}_{other}"),
        (),
        "no triangle by features",
    )
    for one, other in (("compressed", "restored"), ("compressed", "original"), ("restored", "original"))
]


def bias_table(condition: Condition, label: str, groups: Grouped, absent: Mapping[Subject, str] | None = None) -> Table:
    """Where restored images lie between compressed and original ones, and how real the discriminator finds all three.

    Args:
        condition: The images.
        label: Of the images.
        groups: What was evaluated on them.
        absent: Why other trainings were not.
    """
    evaluations = [one for own in groups.values() for one in own]
    told, figures_of, images = differences(evaluations), paper.REALISM, paper.IMAGES
    if is_flickr2k(evaluations):
        told = [one for one in told if one.short != "other set"]
        figures_of, images = paper.FLICKR2K_REALISM, paper.FLICKR2K_IMAGES
    measures = [*DEVIATIONS, *DISPARITIES, *SCORES, *DISTANCES]

    def cell(measure: Measure, members: Sequence[Evaluation], group: Group) -> Cell:
        figures = figures_of.get(group.subject) if group.subject and measure in SCORES else None
        apart = [*told, *training_differences(group, members), *patch_differences(members)] if figures else []
        values = [value for member in members if (value := measure.of(member)) is not None]
        mean = mean_of(values) if values else None
        return cell_of(
            mean,
            described(measure, members, mean) if mean else measure.missing,
            digits=measure.digits,
            has_sign=measure in DEVIATIONS,
            paper=figures[SCORES.index(measure)] if figures else None,
            unlike=in_short(apart),
        )

    rows = [
        Row(group.label, [cell(measure, members, group) for measure in measures]) for group, members in groups.items()
    ]
    return Table(
        file_name("bias", label),
        f"Bias: {label}",
        ["method"],
        [measure.column for measure in measures],
        [*rows, *absent_rows(absent or {}, groups, len(measures))],
        [
            f"{DEVIATION} {DISPARITY} {REALISM} {DISTANCE}",
            *feature_notes(groups),
            compared("Tab. 1 and 2", told, images),
            *otherwise(groups),
        ],
    )


def described(measure: Measure, members: Sequence[Evaluation], mean: Mean) -> str:
    """How a number came about, in words."""
    notes = [seeds(mean)]
    interval = part(members[0].content, *measure.interval) if measure.interval and len(members) == 1 else None
    if isinstance(interval, list) and all(map(is_number, cast(list[object], interval))):
        low, high = cast(list[float], interval)
        notes.append(f"95 % over images: {low:.{measure.digits}f} to {high:.{measure.digits}f}")
    if measure in DEVIATIONS and not all(
        member.triangles[name].holds for member in members if (name := measure.place[1]) in member.triangles
    ):
        notes.append("the sides form no triangle")
    if measure in SCORES:
        notes.append(" or ".join(dict.fromkeys(judge_of(member) for member in members)))
    return "; ".join(note for note in notes if note)


def judge_of(evaluation: Evaluation) -> str:
    """The kind of discriminator whose realism is given, in words; nothing where there is none."""
    realism = part(evaluation.content, "realism")
    if not isinstance(realism, dict):
        return ""
    conditional = "conditional" if part(evaluation.content, "realism", "conditional") else "unconditional"
    return f"{part(evaluation.content, 'realism', 'kind')} scores of a discriminator that is {conditional}"


def features_of(evaluation: Evaluation) -> str:
    """The features by which distances are measured, in words; nothing where it is not known."""
    features = part(evaluation.content, "features")
    if not isinstance(features, dict):
        return ""
    weights, layers, patches = (part(evaluation.content, "features", name) for name in ("weights", "layers", "patches"))
    weighted = ", ".join(f"{weight:g} {name}" for name, weight in layers.items()) if isinstance(layers, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of JSON
    some = "all patches" if patches is None else f"at most {patches} patches an image"
    return f"VGG-19 with {weights} weights ({weighted}; {some})"


def feature_notes(groups: Grouped) -> list[str]:
    """By which features distances are, and a warning where they mean little or are not the same."""
    found: dict[str, list[str]] = {}
    for group, members in groups.items():
        for member in members:
            if (features := features_of(member)) and group.label not in found.setdefault(features, []):
                found[features].append(group.label)
    notes = [f"Features: {'; '.join(found)}."] if len(found) == 1 else []
    if len(found) > 1:
        *few, (most, _) = sorted(found.items(), key=lambda item: len(item[1]))
        each = "; ".join([*(f"{' and '.join(who)} by {what}" for what, who in few), f"all others by {most}"])
        notes = [f"Features differ, compare with care: {each}."]
    if any("with random weights" in features for features in found):
        notes.append("Distances by random weights are those of an untrained network.")
    return notes
