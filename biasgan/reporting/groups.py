import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from biasgan.reporting.evaluations import Condition, Evaluation, Json
from biasgan.reporting.paper import ADVERSARIAL, METHODS, NAMES, Subject

ORDER = [*NAMES]
TRAITS = ("scale", "trained on", "data", "iterations", "pixel stage", "features", "generator")


class Group(NamedTuple):
    """Trainings that differ in nothing but their seed, as far as is known, or the one thing that was evaluated."""

    label: str
    """No other group of a report has it."""
    subject: Subject | None
    """None where the baseline is not known."""
    scale: str | None = None

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts as the paper's tables do, what is unknown last."""
        baseline, method = self.subject or Subject("")
        return (
            ORDER.index(baseline) if baseline in ORDER else len(ORDER),
            METHODS.index(method) if method in METHODS else len(METHODS),
            self.label,
        )


Grouped = Mapping[Group, Sequence[Evaluation]]


def subject_of(chosen: Json) -> Subject | None:
    """Baseline and method of the choices of a training; a baseline without a discriminator has no method."""
    baseline, method = chosen.get("baseline"), chosen.get("method")
    return Subject(baseline, method if baseline in ADVERSARIAL else None) if baseline else None


def traits_of(evaluation: Evaluation) -> tuple[object, ...]:
    """What else tells trainings apart that are not seeds of each other: the values of `TRAITS`."""
    chosen, training = evaluation.chosen, evaluation.training
    return (
        *(chosen.get(name) for name in ("scale", "codec", "data")),
        *(training.get(name) for name in ("iterations", "pretrain_iterations", "features", "generator")),
    )


def name_of(subject: Subject) -> str:
    """For people."""
    name = NAMES.get(subject.baseline, subject.baseline)
    return f"{name}, {subject.method}" if subject.method else name


def grouped(evaluations: Iterable[Evaluation]) -> Grouped:
    """Put evaluations together whose numbers are averaged: those of the seeds of one training, by all qualities.

    Labels say in what groups differ. Where two of a group would be of the same seed and the same images, the group is
    no training with several seeds, and each has its own name instead. Of compressed images alone there is no group.
    """
    named: dict[tuple[str, Subject | None], dict[tuple[object, ...], list[Evaluation]]] = {}
    for evaluation in evaluations:
        if evaluation.kind != "compressed":
            subject = subject_of(evaluation.chosen)
            label = name_of(subject) if subject else evaluation.name
            named.setdefault((label, subject), {}).setdefault(traits_of(evaluation), []).append(evaluation)
    found: dict[Group, list[Evaluation]] = {}
    for (label, subject), variants in named.items():
        for traits, members in variants.items():
            told = told_apart(traits, variants)
            own = f"{label} ({', '.join(told)})" if told else label
            scale = members[0].chosen.get("scale")
            places = [(member.seed, member.condition) for member in members]
            if len(set(places)) == len(places):
                found[Group(own, subject, scale)] = members
                continue
            for member in members:
                one = own if member.name == own else f"{own}: {member.name}"
                same = [group for group in found if group.label == one]
                if same and (member.seed, member.condition) in {(m.seed, m.condition) for m in found[same[0]]}:
                    one = f"{own}: {member.path or member.file}"
                found.setdefault(Group(one, subject, scale), []).append(member)
    return dict(sorted(found.items(), key=lambda item: item[0].order))


def told_apart(traits: tuple[object, ...], variants: Iterable[tuple[object, ...]]) -> list[str]:
    """The first traits of a training that tell it from all others, in words; those that are known come first."""
    left = [other for other in variants if other != traits]
    told: list[str] = []
    for number in sorted(range(len(TRAITS)), key=lambda number: traits[number] is None):
        same = [other for other in left if other[number] == traits[number]]
        if len(same) < len(left):
            told.append(f"{TRAITS[number]} {'unknown' if traits[number] is None else traits[number]}")
        left = same
    return told


def by_condition(groups: Grouped, evaluations: Iterable[Evaluation]) -> dict[Condition, Grouped]:
    """What was evaluated on the same images, for each such set of images."""
    conditions = sorted({evaluation.condition for evaluation in evaluations}, key=lambda condition: condition.order)
    return {
        condition: {
            group: found
            for group, members in groups.items()
            if (found := [member for member in members if member.condition == condition])
        }
        for condition in conditions
    }


def labels_of(conditions: Iterable[Condition]) -> dict[Condition, str]:
    """A label for each, with what tells it apart where set, codec and quality would not."""
    labels = {condition: condition.label for condition in conditions}
    parts: tuple[Callable[[Condition], str], ...] = (images_of, identity_of, set_of)
    for told in parts:
        for label in dict.fromkeys(labels.values()):
            same = [condition for condition, its in labels.items() if its == label]
            if len({told(condition) for condition in same}) > 1:
                labels |= {condition: f"{label} ({told(condition)})" for condition in same}
    return labels


def images_of(condition: Condition) -> str:
    """How many images there are, in words."""
    return f"{condition.images} images"


def set_of(condition: Condition) -> str:
    """Which set of its name it is, in words."""
    return f"set {condition.fingerprint[:8]}"


def identity_of(condition: Condition) -> str:
    """The codec's identity, in words."""
    return ", ".join(f"{name} {value}" for name, value in json.loads(condition.identity).items() if name != "codec")
