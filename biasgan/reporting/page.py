import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from biasgan import __version__
from biasgan.analysis.figures import DARK, LIGHT
from biasgan.evaluation.result import Condition, Evaluation, Json
from biasgan.reporting.bias import features_of, judge_of
from biasgan.reporting.charts import Chart, names_of
from biasgan.reporting.groups import identity_of
from biasgan.reporting.pictures import GAIN, Picture
from biasgan.reporting.table import Table

FOLDER = "template"


class Section(NamedTuple):
    """A part of the page."""

    name: str
    """Of its place on the page."""
    title: str
    """Also in the head of the page."""
    lead: str
    """What is shown, or why there is nothing."""
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()


class Provenance(NamedTuple):
    """All that is needed to make the numbers of an evaluation again."""

    title: str
    facts: Mapping[str, str]
    """What is short."""
    texts: Mapping[str, str]
    """What is long, such as the configuration."""


def provenance(evaluation: Evaluation, label: str) -> Provenance:
    """What an evaluation was made of, by what and how.

    Args:
        evaluation: It.
        label: Of its images.
    """
    subject, condition, run = evaluation.subject, evaluation.condition, evaluation.run
    seed = "" if evaluation.seed is None else f", seed {evaluation.seed}"
    facts = {
        "subject": f"{subject.kind} {subject.path or subject.name}",
        "sha256 of the weights": subject.sha256,
        "images": f"{condition.images} of {condition.set_name}",
        "fingerprint of the set": condition.fingerprint,
        "features": features_of(evaluation),
        "discriminator": discriminator_of(evaluation),
        "codec": f"{condition.codec} {condition.quality}; {identity_of(condition)}",
        "hardware": evaluation.hardware,
        "commit": evaluation.commit,
        "date": evaluation.date,
        "versions": ", ".join(f"{name} {value}" for name, value in evaluation.versions.items()),
        "options": ", ".join(f"{name} {value}" for name, value in evaluation.options.items()),
        "measured in": str(evaluation.file),
    }
    texts = {
        "evaluated by": evaluation.command,
        "training, from summary.json": json.dumps(evaluation.training, indent=2) if evaluation.training else None,
        "training, config.yaml": run.config.read_text(encoding="utf-8", errors="replace")
        if run and run.config.is_file()
        else None,
    }
    return Provenance(
        f"{subject.name}{seed}: {label}",
        {name: value for name, value in facts.items() if value},
        {name: text for name, text in texts.items() if text},
    )


def discriminator_of(evaluation: Evaluation) -> str:
    """What gave the realism, in words."""
    realism = evaluation.realism
    size, digest = (realism.patch_size, realism.sha256) if realism else (None, None)
    parts = (judge_of(evaluation), f"patches of {size} pixels" if size else "", f"sha256 {digest}" if digest else "")
    return "; ".join(words for words in parts if words)


def protocols_of(evaluations: Sequence[Evaluation]) -> list[tuple[str, Json, int, bool]]:
    """What each number is, for each way in which it was measured.

    Returns:
        Name of the metric, its protocol, how many evaluations measured so, and whether others measured otherwise.
    """
    found: dict[tuple[str, str], list[Json]] = {}
    for evaluation in evaluations:
        for name, protocol in evaluation.protocols.items():
            found.setdefault((name, json.dumps(protocol, sort_keys=True)), []).append(protocol)
    names = [name for name, _ in found]
    return [(name, own[0], len(own), names.count(name) > 1) for (name, _), own in sorted(found.items())]


def page(
    sections: Sequence[Section],
    evaluations: Sequence[Evaluation],
    left_out: Sequence[str],
    pictures: Mapping[str, Sequence[Picture]],
    labels: Mapping[Condition, str],
    methods: int,
) -> str:
    """The page as HTML, with all that it shows in it: it asks for nothing else.

    Args:
        sections: Tables and charts.
        evaluations: What they are made of.
        left_out: What is not in them and why.
        pictures: For the gallery, by the label of their images.
        labels: Of the images.
        methods: How many there are.
    """
    templates = Environment(
        loader=PackageLoader("biasgan.reporting", FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    gallery = [
        {
            "label": label,
            "pictures": [picture._asdict() | {"versions": list(picture.versions.items())} for picture in some],
        }
        for label, some in pictures.items()
    ]
    facts: dict[str, Any] = {
        "evaluations": len(evaluations),
        "methods": methods,
        "sets of images": len({one.condition[:2] for one in evaluations}),
        "codecs and qualities": len({one.condition[3:] for one in evaluations}),
    }
    return templates.get_template("page.html").render(
        version=__version__,
        style=_read("page.css"),
        script=_read("page.js"),
        colors={"light": names_of(LIGHT), "dark": names_of(DARK)},
        sections=sections,
        facts=facts,
        left_out=left_out,
        gallery=gallery,
        gain=GAIN,
        protocols=protocols_of(evaluations),
        provenances=[provenance(evaluation, labels[evaluation.condition]) for evaluation in evaluations],
    )


def _read(name: str) -> Markup:
    """A file of the template that is taken as it is."""
    return Markup(files("biasgan.reporting").joinpath(FOLDER, name).read_text(encoding="utf-8"))
