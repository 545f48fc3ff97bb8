import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from biasgan import __version__
from biasgan.analysis.figures import DARK, LIGHT
from biasgan.reporting.bias_table import features_of, judge_of
from biasgan.reporting.charts import Chart, names_of
from biasgan.reporting.evaluations import Condition, Evaluation, Json, part
from biasgan.reporting.groups import identity_of
from biasgan.reporting.pictures import GAIN, Picture
from biasgan.reporting.table import Table
from biasgan.runs.folder import RunFolder

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
    content = evaluation.content
    seed = "" if evaluation.seed is None else f", seed {evaluation.seed}"
    facts = {
        "subject": f"{evaluation.kind} {evaluation.path or evaluation.name}",
        "sha256 of the weights": evaluation.sha256,
        "images": f"{evaluation.condition.images} of {evaluation.condition.set_name}",
        "fingerprint of the set": evaluation.condition.fingerprint,
        "features": features_of(evaluation),
        "discriminator": _discriminator(evaluation),
        "codec": f"{evaluation.condition.codec} {evaluation.condition.quality}; {identity_of(evaluation.condition)}",
        **{name: content.get(name) for name in ("hardware", "commit", "date")},
        "versions": _listed(content.get("versions")),
        "options": _listed(content.get("options")),
        "measured in": str(evaluation.file),
    }
    texts = {"evaluated by": str(content.get("command") or "")}
    if evaluation.training:
        texts["training, from summary.json"] = json.dumps(evaluation.training, indent=2)
    if evaluation.run and (config := RunFolder(evaluation.run).config).is_file():
        texts["training, config.yaml"] = config.read_text(encoding="utf-8", errors="replace")
    return Provenance(
        f"{evaluation.name}{seed}: {label}",
        {name: str(value) for name, value in facts.items() if value not in (None, "")},
        {name: text for name, text in texts.items() if text},
    )


def _discriminator(evaluation: Evaluation) -> str:
    """What gave the realism, in words."""
    size, digest = (part(evaluation.content, "realism", name) for name in ("patch_size", "sha256"))
    parts = (judge_of(evaluation), f"patches of {size} pixels" if size else "", f"sha256 {digest}" if digest else "")
    return "; ".join(words for words in parts if words)


def _listed(given: object) -> str:
    """Names with their values, in a line."""
    if not isinstance(given, dict):
        return ""
    return ", ".join(f"{name} {value}" for name, value in given.items())  # pyright: ignore[reportUnknownVariableType] - of JSON


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
    pictures: Mapping[Condition, Sequence[Picture]],
    labels: Mapping[Condition, str],
    methods: int,
) -> str:
    """The page as HTML, with all that it shows in it: it asks for nothing else.

    Args:
        sections: Tables and charts.
        evaluations: What they are made of.
        left_out: What is not in them and why.
        pictures: For the gallery.
        labels: Of the images.
        methods: How many there are.
    """
    templates = Environment(
        loader=PackageLoader("biasgan.reporting", FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    gallery = [
        {
            "label": labels[condition],
            "pictures": [picture._asdict() | {"versions": list(picture.versions.items())} for picture in some],
        }
        for condition, some in pictures.items()
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
        svg=_inline,
    )


def _inline(chart: Chart) -> Markup:
    """A chart as a part of the page."""
    return Markup(chart.inline)


def _read(name: str) -> Markup:
    """A file of the template that is taken as it is."""
    return Markup(files("biasgan.reporting").joinpath(FOLDER, name).read_text(encoding="utf-8"))
