import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from biasgan.analysis.triangle import Triangle
from biasgan.io.files import expanded
from biasgan.io.moved import as_now
from biasgan.runs.folder import EVALUATION, RunFolder

T = TypeVar("T")

NAME = EVALUATION
FORMAT = 1

Interval = tuple[float, float]
Json = Mapping[str, Any]


class EvaluationError(ValueError):
    """An evaluation that cannot be used; the message names the file and the reason."""


class Measured(NamedTuple):
    """A metric over a set of images; None where it was not measured."""

    compressed: float | None
    restored: float | None
    restored_interval: Interval | None
    """In which the mean over images lies with 95 % confidence; None for a metric of whole sets."""


class Condition(NamedTuple):
    """What images were evaluated: numbers can be compared where this is equal."""

    set_name: str
    images: int
    fingerprint: str
    """Of the images' names and pixels, before and after compression."""
    codec: str
    identity: str
    """The codec's identity, as JSON."""
    quality: str

    @property
    def codec_identity(self) -> Json:
        """The codec's identity."""
        return json.loads(self.identity)

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.set_name}, {self.codec} {self.quality}"

    @property
    def is_point(self) -> bool:
        """Whether the quality is a number, so that it can be a point of a curve, and not mixed or unknown."""
        return self.quality.replace(".", "", 1).isdigit()

    @property
    def order(self) -> tuple[str, str, float, str]:
        """Sorts by set, codec and quality as a number; what is no number comes last."""
        number = float(self.quality) if self.is_point else float("inf")
        return self.set_name, self.codec, number, str(self)


@dataclass(frozen=True)
class Evaluation:
    """What `python -m biasgan.evaluate` measured of one subject on one set, codec and quality."""

    file: Path
    kind: str
    """`run`, `weights`, `restored` or `compressed`."""
    name: str
    path: str
    sha256: str | None
    chosen: Json
    training: Json
    condition: Condition
    bits_per_pixel: float
    metrics: Mapping[str, Measured]
    protocols: Mapping[str, Json]
    unavailable: Mapping[str, str]
    """Metric → why it was not measured."""
    triangles: Mapping[str, Triangle]
    """By features, lpips or fid."""
    content: Json
    """Everything, as it was read."""

    @property
    def seed(self) -> int | None:
        """Of the training, where it is known."""
        return self.training.get("seed", self.config.get("seed"))

    @cached_property
    def config(self) -> Json:
        """The resolved configuration of the training; empty where it is not known."""
        # Evaluations of former releases have none in them.
        given = part(self.content, "config") or (RunFolder(self.run).read_config() if self.run else None)
        return cast(Json, given) if isinstance(part(given or {}, "training"), dict) else {}

    @cached_property
    def run(self) -> Path | None:
        """Folder of the run that was evaluated, where it is a run and still there."""
        # The folder may have been moved since.
        places = (self.file.parent, self.file.parent.parent, Path(self.path))
        found = (place for place in places if RunFolder(place).is_begun)
        return next(found, None) if self.kind == "run" else None

    @cached_property
    def images(self) -> Mapping[str, Mapping[str, str]]:
        """Rows of `evaluation.csv` by the name of their image; empty where there is no such file."""
        file = self.file.with_suffix(".csv")
        if not file.is_file():
            return {}
        with file.open(newline="", encoding="utf-8") as opened:
            return {row["name"]: row for row in csv.DictReader(opened) if row.get("name")}


class Found(NamedTuple):
    """What a search found."""

    evaluations: tuple[Evaluation, ...]
    left_out: tuple[str, ...]
    """Why others were left out, each in a sentence that names the file."""


def find_evaluations(patterns: Iterable[str]) -> Found:
    """Search folders for every `evaluation.json`.

    Where the same weights were evaluated twice on the same images, the latest counts.

    Args:
        patterns: Globs of folders (`**` takes any number of them), which are searched with their subfolders, or of the
            files themselves.

    Raises:
        FileNotFoundError: If a pattern finds no evaluation, or none at all can be used.
    """
    files: dict[Path, None] = {}
    for pattern in patterns:
        found = [file for place in places(pattern) for file in _evaluations_in(place)]
        if not found:
            raise FileNotFoundError(
                f"{pattern} has no {NAME} in it; expected folders of evaluated runs. Evaluate them first: "
                "python -m biasgan.evaluate run=RUN"
            )
        files |= dict.fromkeys(found)
    latest: dict[object, Evaluation] = {}
    left_out: list[str] = []
    for file in files:
        try:
            evaluation = read_evaluation(file)
        except EvaluationError as error:
            left_out.append(str(error))
            continue
        key = (evaluation.kind, evaluation.sha256 or evaluation.path, evaluation.condition)
        one, other = sorted((evaluation, latest.get(key, evaluation)), key=lambda each: each.content.get("date") or "")
        if one is not other:
            left_out.append(f"{one.file}: the same was evaluated later, see {other.file}.")
        latest[key] = other
    if not latest:
        raise FileNotFoundError("no evaluation can be used:\n" + "\n".join(left_out))
    return Found(tuple(latest.values()), tuple(left_out))


def places(pattern: str) -> list[Path]:
    """Files and folders that a glob matches, sorted; one that is there is taken by its name."""
    path = Path(expanded(pattern))
    return [path] if path.exists() else sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _evaluations_in(place: Path) -> list[Path]:
    """Evaluations that a path means."""
    return [place] if place.name == NAME else sorted(place.rglob(NAME))


def read_evaluation(file: Path) -> Evaluation:
    """Read and check an evaluation.

    Raises:
        EvaluationError: If it is no JSON, of another format, or something in it is missing or of another kind; names
            the first.
    """
    try:
        content = as_now(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{file} cannot be read: {error}.") from error
    if not isinstance(content, dict) or cast(Json, content).get("format") != FORMAT:
        raise EvaluationError(f"{file} is no evaluation of format {FORMAT}, which is the one that is known here.")
    try:
        return _evaluation(file, cast(Json, content))
    except EvaluationError as error:
        raise EvaluationError(f"{file}: {error}") from None


def quality_text(quality: object) -> str | None:
    """A quality in words; None where it is none."""
    if isinstance(quality, int | float) and not isinstance(quality, bool):
        return f"{quality:g}"
    return quality if isinstance(quality, str) else None


def _evaluation(file: Path, content: Json) -> Evaluation:
    subject, images = _object(content, "subject"), _object(content, "set")
    metrics, triangles = _object(content, "metrics"), _object(content, "triangles", {})
    quality = quality_text(content.get("quality"))
    if quality is None:
        raise EvaluationError(f"quality must be a number or a text; got {content.get('quality')!r}.")
    return Evaluation(
        file=file,
        kind=_get(subject, "kind", str),
        name=_get(subject, "name", str),
        path=_get(subject, "path", str, ""),
        sha256=subject.get("sha256"),
        chosen=_object(content, "chosen", {}),
        training=_object(content, "training", {}),
        condition=Condition(
            _get(images, "name", str),
            _get(images, "images", int),
            _get(images, "fingerprint", str, ""),
            _get(content, "codec", str),
            json.dumps(_object(content, "codec_identity", {}), sort_keys=True),
            quality,
        ),
        bits_per_pixel=_number(_object(content, "bits_per_pixel"), "mean"),
        metrics={name: _measured(_object(metrics, name)) for name in metrics},
        protocols={name: _object(_object(content, "protocols"), name) for name in _object(content, "protocols", {})},
        unavailable={name: str(reason) for name, reason in _object(content, "unavailable", {}).items()},
        triangles={name: _triangle(_object(triangles, name)) for name, sides in triangles.items() if sides is not None},
        content=content,
    )


def part(content: Json, *names: str) -> Any:  # noqa: ANN401
    """What stands at a place within nested tables, None if there is nothing."""
    value: Any = content
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of JSON
    return value  # pyright: ignore[reportUnknownVariableType] - of JSON


def _measured(given: Json) -> Measured:
    interval = cast(list[Any], _get(given, "restored_interval", list, []))
    compressed, restored = (_number(given, name, None) for name in ("compressed", "restored"))
    return Measured(compressed, restored, (interval[0], interval[1]) if len(interval) == 2 else None)


def _triangle(given: Json) -> Triangle:
    return Triangle(*(_number(given, side) for side in Triangle._fields))


def _object(given: Json, name: str, default: Any = ...) -> Json:  # noqa: ANN401
    """Names with their values."""
    return cast(Json, _get(given, name, dict, default))


def _number(given: Json, name: str, default: Any = ...) -> Any:  # noqa: ANN401
    """A number, as float."""
    value = given.get(name)
    if value is None and default is not ...:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvaluationError(f"{name} must be a number; got {value!r}.")
    return float(value)


def _get(given: Json, name: str, kind: type[T], default: Any = ...) -> T:  # noqa: ANN401
    """A value of a kind; what is null counts as missing."""
    value = given.get(name)
    if value is None and default is not ...:
        return default
    if not isinstance(value, kind):
        raise EvaluationError(f"{name} must be {KINDS[kind]}; got {value!r:.60}.")
    return value


KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
