"""Where restored images lie between compressed and original ones."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from biasgan.analysis.realism import Realism
from biasgan.analysis.triangle import Triangle
from biasgan.evaluation.result import Evaluation, Json
from biasgan.networks.vgg_features import features_in_words
from biasgan.reporting import paper
from biasgan.reporting.groups import Grouped, Images
from biasgan.reporting.likeness import differences, in_short, is_flickr2k, patch_differences, training_differences
from biasgan.reporting.statistics import Mean, mean_of
from biasgan.reporting.table import Cell, Column, Row, Table, cell_of, file_name
from biasgan.reporting.tables import absent_rows, compared, is_number, otherwise, seeds

MEASURES = {"features": "features", "lpips": "LPIPS", "fid": "FID"}
"""What triangles are measured by, and its name."""
DEVIATION = "Deviation (eq. 1): \N{MINUS SIGN}100 % is as the compressed image, 0 midway, +100 % as the original."
DISPARITY = "Disparity: slope of the restored over the original distance from the compressed; 1 is without bias."
REALISM = "Realism: what the run's own discriminator gives, from 0 to 1."
DISTANCE = "From one to the other: distance by features, of which the deviation is made."


class Measure(NamedTuple):
    """A measure of bias, and where it and its interval over images stand in an evaluation."""

    column: Column
    digits: int
    missing: str
    """Why there may be none."""
    place: tuple[str, ...]
    interval: tuple[str, ...] = ("",)

    def of(self, evaluation: Evaluation) -> float | None:
        """Its value, where there is a finite one."""
        value = at(evaluation, *self.place)
        return value if is_number(value) else None


def at(found: object, *names: str) -> Any:  # noqa: ANN401
    """What stands at a place in an evaluation, by names of attributes and keys; None if there is nothing."""
    for name in names:
        found = cast(Json, found).get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return found


# Of the sides, for these are unrounded and always there.
DEVIATIONS = [
    Measure(
        *(Column(f"deviation by {text}", "%", None, DEVIATION), 1, f"no triangle by {text}"),
        *(("triangles", name, "triangle", "deviation"), ("triangles", name, "deviation_interval")),
    )
    for name, text in MEASURES.items()
]
DISPARITIES = [
    Measure(Column(f"disparity of {by}", "", None, DISPARITY), 2, f"no disparity of {by}", ("disparity", by, "slope"))
    for by in ("pixels", "features")
]
SCORES = [
    Measure(
        *(Column(f"realism of {name}", "", None, REALISM), 2, "no discriminator was there to judge"),
        *(("realism", name), ("realism", f"{name}_interval")),
    )
    for name in Realism._fields
]
DISTANCES = [
    Measure(
        *(Column(side.replace("_", " to "), "", None, DISTANCE), 4, "no triangle by features"),
        ("triangles", "features", side),
    )
    for side in Triangle._fields
]


def bias_table(images: Images) -> Table:
    """Where restored images lie between compressed and original ones, and how real the discriminator finds all three.

    Args:
        images: What was evaluated.
    """
    evaluations, groups = images.evaluations_of_groups, images.groups
    told, figures, named = differences(evaluations), paper.REALISM, paper.IMAGES
    if is_flickr2k(evaluations):
        told = [one for one in told if one.short != "other set"]
        figures, named = paper.FLICKR2K_REALISM, paper.FLICKR2K_IMAGES
    measures = [*DEVIATIONS, *DISPARITIES, *SCORES, *DISTANCES]
    rows: list[Row] = []
    for group, members in groups.items():
        printed = figures.get(group.subject) if group.subject else None
        of_paper = dict(zip(SCORES, printed, strict=True)) if printed else {}
        unlike = in_short([*told, *training_differences(group, members), *patch_differences(members)])
        rows.append(Row(group.label, [bias_cell(one, members, of_paper.get(one), unlike) for one in measures]))
    return Table(
        file_name("bias", images.label),
        f"Bias: {images.label}",
        ["method"],
        [measure.column for measure in measures],
        [*rows, *absent_rows(images.absent, groups, len(measures))],
        [
            f"{DEVIATION} {DISPARITY} {REALISM} {DISTANCE}",
            *feature_notes(groups),
            compared("Tab. 1 and 2", told, named),
            *otherwise(groups),
        ],
    )


def bias_cell(measure: Measure, members: Sequence[Evaluation], figure: str | None, unlike: str) -> Cell:
    """The mean of a measure over the seeds of a group, beside the paper's figure."""
    values = [value for member in members if (value := measure.of(member)) is not None]
    mean = mean_of(values) if values else None
    note = described(measure, members, mean) if mean else measure.missing
    has_sign = measure in DEVIATIONS
    return cell_of(mean, note, digits=measure.digits, has_sign=has_sign, paper=figure, unlike=unlike if figure else "")


def described(measure: Measure, members: Sequence[Evaluation], mean: Mean) -> str:
    """How a number came about, in words."""
    notes = [seeds(mean)]
    if len(members) == 1 and (interval := at(members[0], *measure.interval)):
        low, high = interval
        notes.append(f"95 % over images: {low:.{measure.digits}f} to {high:.{measure.digits}f}")
    if measure in DEVIATIONS and any(at(member, *measure.place[:3], "holds") is False for member in members):
        notes.append("the sides form no triangle")
    if measure in SCORES:
        notes.append(" or ".join(dict.fromkeys(judge_of(member) for member in members)))
    return "; ".join(note for note in notes if note)


def judge_of(evaluation: Evaluation) -> str:
    """The kind of discriminator whose realism is given, in words; nothing where there is none."""
    if not evaluation.realism:
        return ""
    conditional = "conditional" if evaluation.realism.conditional else "unconditional"
    return f"{evaluation.realism.kind} scores of a discriminator that is {conditional}"


def features_of(evaluation: Evaluation) -> str:
    """The features by which distances are measured, in words; nothing where it is not known."""
    features = evaluation.features
    if not features:
        return ""
    weighted = ", ".join(f"{weight:g} {name}" for name, weight in features.layers.items())
    some = "all patches" if features.patches is None else f"at most {features.patches} patches an image"
    return f"{features_in_words(features.weights or 'unknown')} ({weighted}; {some})"


def feature_notes(groups: Grouped) -> list[str]:
    """By which features distances are, and a warning where they mean little or are not the same."""
    found: dict[str, dict[str, None]] = {}
    for group, members in groups.items():
        for features in filter(None, map(features_of, members)):
            found.setdefault(features, {})[group.label] = None
    notes = [f"Features: {features}." for features in found] if len(found) == 1 else []
    if len(found) > 1:
        *few, (most, _) = sorted(found.items(), key=lambda item: len(item[1]))
        each = "; ".join([*(f"{' and '.join(who)} by {what}" for what, who in few), f"all others by {most}"])
        notes = [f"Features differ, compare with care: {each}."]
    if any("with random weights" in features for features in found):
        notes.append("Distances by random weights are those of an untrained network.")
    return notes
