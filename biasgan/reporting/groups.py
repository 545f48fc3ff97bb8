"""Which evaluations are averaged, and which are compared."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from biasgan.evaluation.result import Condition, Evaluation
from biasgan.reporting.paper import Subject, subject_of
from biasgan.reporting.search import Absent, reasons
from biasgan.reporting.traits import told_apart, trained_for, traits_of

METHOD = ("callbacks.", "training.discriminator.in_channels")
"""Traits in which methods may differ that are held against each other; but not in the average."""
AVERAGE = "callbacks.ema."

Pairs = tuple[tuple[str, str | None], ...]
"""Traits that can be a key."""


class Group(NamedTuple):
    """Trainings that differ in nothing but their seed, as far as is known, or the one thing that was evaluated."""

    label: str
    """No other group of a report has it."""
    subject: Subject | None
    """None where the baseline is not known."""
    scale: str | None = None
    trained_for: str = ""
    """Codec and quality, where that is not what it was evaluated at, or are several; in words."""
    traits: Pairs = ()
    """What makes the training."""

    @property
    def setting(self) -> tuple[object, ...]:
        """What trainings have in common that differ in their method alone."""
        kept = [trait for trait in self.traits if not trait[0].startswith(METHOD) or trait[0].startswith(AVERAGE)]
        return (self.trained_for, *sorted(kept))

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts as the paper's tables do, what is unknown last."""
        return (*(self.subject or Subject("")).order, self.label)


Grouped = Mapping[Group, Sequence[Evaluation]]


class Images(NamedTuple):
    """What was evaluated on the same images."""

    condition: Condition
    label: str
    """For people; no other images of a report have it."""
    groups: Grouped
    evaluations: Sequence[Evaluation]
    """All of the groups, with those of compressed images alone."""
    absent: Mapping[Subject, str]
    """Why other trainings were not."""

    @property
    def evaluations_of_groups(self) -> list[Evaluation]:
        """Those of compressed images alone left out."""
        return [one for members in self.groups.values() for one in members]


class Key(NamedTuple):
    """What evaluations of one group have in common."""

    traits: Pairs
    trained_for: str
    parameters: Pairs
    """Of the codec that was trained for, where that is not the one that was evaluated."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Key":
        """That of the group that an evaluation is in."""
        words, parameters = trained_for(evaluation)
        return cls(tuple(traits_of(evaluation).items()), words, tuple(parameters.items()) if words else ())

    def told_apart(self, others: Sequence["Key"]) -> list[str]:
        """What tells it from others, in words."""
        words = told_apart(dict(self.traits), [dict(other.traits) for other in others])
        same = [dict(other.parameters) for other in others if other.trained_for == self.trained_for]
        return [*words, *([self.trained_for] if self.trained_for else []), *told_apart(dict(self.parameters), same)]


def grouped(evaluations: Iterable[Evaluation]) -> Grouped:
    """Put evaluations together whose numbers are averaged: those of the seeds of one training, by all qualities.

    Labels say in what groups differ. A network that was evaluated at another quality than its own is in a group of its
    own, and so is one that was trained for several. Of one configuration and seed the latest counts, see `repeated`;
    where the configuration is not known and two would be of the same seed and images, each has its own name instead.
    Of compressed images alone there is no group.
    """
    evaluations = [one for one in evaluations if one.subject.kind != "compressed"]
    again = repeated(evaluations)
    named: dict[tuple[str, Subject | None], dict[Key, list[Evaluation]]] = {}
    for one in evaluations:
        if one.file not in again:
            subject = subject_of(one.chosen)
            label = subject.name if subject else one.subject.name
            named.setdefault((label, subject), {}).setdefault(Key.of(one), []).append(one)
    found: dict[Group, list[Evaluation]] = {}
    for (label, subject), variants in named.items():
        for key, members in variants.items():
            told = key.told_apart(list(variants))
            own = f"{label} ({', '.join(told)})" if told else label
            group = Group(own, subject, members[0].chosen.get("scale"), key.trained_for, key.traits)
            places = {(member.seed, member.condition) for member in members}
            if len(places) == len(members):
                found[group] = members
            else:
                for member in members:
                    found.setdefault(of_own_name(group, member, found), []).append(member)
    return dict(sorted(found.items(), key=lambda item: item[0].order))


def of_own_name(group: Group, member: Evaluation, found: Grouped) -> Group:
    """The group of an evaluation whose name tells it from others, or else its path."""
    name = member.subject.name
    label = group.label if name == group.label else f"{group.label}: {name}"
    same = next((members for other, members in found.items() if other.label == label), ())
    if (member.seed, member.condition) in {(other.seed, other.condition) for other in same}:
        label = f"{group.label}: {member.subject.path or member.file}"
    return group._replace(label=label)


def repeated(evaluations: Iterable[Evaluation]) -> dict[Path, Path]:
    """Evaluations of a training that was repeated with the same seed, which makes no second one → the latest.

    Of those whose configuration is not known it cannot be said.
    """
    latest: dict[object, Evaluation] = {}
    found: dict[Path, Path] = {}
    for one in sorted(evaluations, key=lambda each: each.date or "", reverse=True):
        if one.configuration:
            first = latest.setdefault((subject_of(one.chosen), Key.of(one), one.seed, one.condition), one)
            if first is not one:
                found[one.file] = first.file
    return found


def counterpart(group: Group, groups: Iterable[Group]) -> list[Group]:
    """The vanilla trainings that differ from another one of their baseline in its method alone; one, as a rule."""
    vanilla = Subject(group.subject.baseline if group.subject else "", "vanilla")
    return [one for one in groups if one.subject == vanilla and one.setting == group.setting]


def by_images(groups: Grouped, evaluations: Iterable[Evaluation], absent: Sequence[Absent] = ()) -> list[Images]:
    """What was evaluated on the same images, for each such set of images.

    Args:
        groups: What was evaluated.
        evaluations: The same, with those of compressed images alone.
        absent: What was not.
    """
    found: dict[Condition, list[Evaluation]] = {}
    for one in evaluations:
        found.setdefault(one.condition, []).append(one)
    conditions = sorted(found, key=lambda condition: condition.order)
    labels = labels_of(conditions)
    return [
        Images(
            condition,
            labels[condition],
            {
                group: some
                for group, members in groups.items()
                if (some := [member for member in members if member.condition == condition])
            },
            found[condition],
            reasons(absent, condition),
        )
        for condition in conditions
    ]


def labels_of(conditions: Iterable[Condition]) -> dict[Condition, str]:
    """A label for each, with what tells it apart where set, codec and quality would not."""
    labels = {condition: condition.label for condition in conditions}
    parts: tuple[Callable[[Condition], str], ...] = (count_of, identity_of, set_of)
    for told in parts:
        for label in dict.fromkeys(labels.values()):
            same = [condition for condition, its in labels.items() if its == label]
            if len({told(condition) for condition in same}) > 1:
                labels |= {condition: f"{label} ({told(condition)})" for condition in same}
    return labels


def count_of(condition: Condition) -> str:
    """How many images there are, in words."""
    return f"{condition.images} images"


def set_of(condition: Condition) -> str:
    """Which set of its name it is, in words."""
    return f"set {condition.fingerprint[:8]}"


def identity_of(condition: Condition) -> str:
    """The codec's identity, in words."""
    return ", ".join(f"{name} {value}" for name, value in condition.codec_identity.items() if name != "codec")
