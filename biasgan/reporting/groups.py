from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from biasgan.reporting.configuration import told_apart, trained_for, traits_of
from biasgan.reporting.evaluations import Condition, Evaluation, Json
from biasgan.reporting.paper import ADVERSARIAL, METHODS, NAMES, Subject

ORDER = [*NAMES]
METHOD = ("callbacks.", "training.discriminator.in_channels")
"""Traits in which methods may differ that are held against each other; but not in the average."""
AVERAGE = "callbacks.ema."


class Group(NamedTuple):
    """Trainings that differ in nothing but their seed, as far as is known, or the one thing that was evaluated."""

    label: str
    """No other group of a report has it."""
    subject: Subject | None
    """None where the baseline is not known."""
    scale: str | None = None
    trained_for: str = ""
    """Codec and quality, where that is not what it was evaluated at, or are several; in words."""
    traits: tuple[tuple[str, str | None], ...] = ()
    """What makes the training."""

    @property
    def setting(self) -> tuple[object, ...]:
        """What trainings have in common that differ in their method alone."""
        kept = [trait for trait in self.traits if not trait[0].startswith(METHOD) or trait[0].startswith(AVERAGE)]
        return (self.trained_for, *sorted(kept))

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


def name_of(subject: Subject) -> str:
    """For people."""
    name = NAMES.get(subject.baseline, subject.baseline)
    return f"{name}, {subject.method}" if subject.method else name


def grouped(evaluations: Iterable[Evaluation]) -> Grouped:
    """Put evaluations together whose numbers are averaged: those of the seeds of one training, by all qualities.

    Labels say in what groups differ. A network that was evaluated at another quality than its own is in a group of its
    own, and so is one that was trained for several. Of one configuration and seed the latest counts, see `repeated`;
    where the configuration is not known and two would be of the same seed and images, each has its own name instead.
    Of compressed images alone there is no group.
    """
    evaluations = [one for one in evaluations if one.kind != "compressed"]
    again = repeated(evaluations)
    named: dict[tuple[str, Subject | None], dict[Key, list[Evaluation]]] = {}
    for evaluation in evaluations:
        if evaluation.file not in again:
            subject = subject_of(evaluation.chosen)
            label = name_of(subject) if subject else evaluation.name
            named.setdefault((label, subject), {}).setdefault(key_of(evaluation), []).append(evaluation)
    found: dict[Group, list[Evaluation]] = {}
    for (label, subject), variants in named.items():
        for key, members in variants.items():
            told = key.told_apart(variants)
            own = f"{label} ({', '.join(told)})" if told else label
            group = Group(own, subject, members[0].chosen.get("scale"), key.trained_for, key.traits)
            places = [(member.seed, member.condition) for member in members]
            if len(set(places)) == len(places):
                found[group] = members
                continue
            for member in members:
                one = own if member.name == own else f"{own}: {member.name}"
                same = [group for group in found if group.label == one]
                if same and (member.seed, member.condition) in {(m.seed, m.condition) for m in found[same[0]]}:
                    one = f"{own}: {member.path or member.file}"
                found.setdefault(group._replace(label=one), []).append(member)
    return dict(sorted(found.items(), key=lambda item: item[0].order))


class Key(NamedTuple):
    """What evaluations of one group have in common."""

    traits: tuple[tuple[str, str | None], ...]
    trained_for: str
    parameters: tuple[tuple[str, str | None], ...]
    """Of the codec that was trained for, where that is not the one that was evaluated."""

    def told_apart(self, others: Iterable["Key"]) -> list[str]:
        """What tells it from others, in words."""
        others = list(others)
        words = told_apart(dict(self.traits), [dict(other.traits) for other in others])
        same = [dict(other.parameters) for other in others if other.trained_for == self.trained_for]
        return [*words, *([self.trained_for] if self.trained_for else []), *told_apart(dict(self.parameters), same)]


def key_of(evaluation: Evaluation) -> Key:
    """By what an evaluation is grouped."""
    words, parameters = trained_for(evaluation)
    return Key(tuple(traits_of(evaluation).items()), words, tuple(parameters.items()) if words else ())


def repeated(evaluations: Iterable[Evaluation]) -> dict[Path, Path]:
    """Evaluations of a training that was repeated with the same seed, which makes no second one → the latest.

    Of those whose configuration is not known it cannot be said.
    """
    latest: dict[object, Evaluation] = {}
    found: dict[Path, Path] = {}
    for evaluation in sorted(evaluations, key=lambda each: str(each.content.get("date") or ""), reverse=True):
        if evaluation.config:
            at = evaluation.seed, evaluation.condition
            first = latest.setdefault((subject_of(evaluation.chosen), key_of(evaluation), at), evaluation)
            if first is not evaluation:
                found[evaluation.file] = first.file
    return found


def counterpart(group: Group, groups: Iterable[Group]) -> list[Group]:
    """The vanilla trainings that differ from another one of their baseline in its method alone; one, as a rule."""
    baseline = group.subject.baseline if group.subject else None
    vanilla = [one for one in groups if one.subject == Subject(baseline or "", "vanilla")]
    return [one for one in vanilla if one.setting == group.setting]


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
    return ", ".join(f"{name} {value}" for name, value in condition.codec_identity.items() if name != "codec")
