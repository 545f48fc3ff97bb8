"""What an evaluation found, the file that it is written to, and what evaluations have in common."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, cast, get_args, get_origin

from biasgan.analysis.triangle import Triangle
from biasgan.io.files import atomic_write
from biasgan.io.moved import as_now
from biasgan.runs.folder import RunFolder

FORMAT = 1
SIDES = ("compressed", "restored")
SPARSE = ("vectors", "images", "unmeasured")
"""Fields that are left out where they are None."""
KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}

Interval = tuple[float, float]
"""Ends of what a mean over images lies in with 95 % confidence."""
Json = Mapping[str, Any]


class EvaluationError(ValueError):
    """An evaluation that cannot be used; the message names the file and the reason."""


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
        """Codec, library, versions and parameters, as far as they are known."""
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
class SubjectFacts:
    """What was evaluated: its kind is `run`, `weights`, `restored` or `compressed`."""

    kind: str
    name: str
    path: str = ""
    sha256: str | None = None


@dataclass(frozen=True)
class SetFacts:
    """The images."""

    name: str
    images: int
    fingerprint: str = ""


@dataclass(frozen=True)
class Measured:
    """A metric over a set of images; None where it was not measured."""

    compressed: float | None = None
    restored: float | None = None
    compressed_interval: Interval | None = None
    restored_interval: Interval | None = None
    gain_interval: Interval | None = None
    vectors: int | None = None
    """Of a metric of whole sets: of how many it was computed."""
    images: int | None = None
    """How many have a value, where not all do."""
    unmeasured: Mapping[str, str] | None = None
    """Why others have none, by their names."""


@dataclass(frozen=True)
class Rate:
    """Bits per pixel of the compressed files."""

    mean: float
    interval: Interval | None = None


@dataclass(frozen=True)
class FeatureFacts:
    """By which features distances were measured."""

    weights: str | None = None
    layers: Mapping[str, float] = field(default_factory=dict[str, float])
    patches: int | None = None
    """Of an image, at most; None is all."""


@dataclass(frozen=True)
class Distances:
    """The triangle between compressed, restored and original images."""

    compressed_restored: float
    compressed_original: float
    restored_original: float
    deviation: float | None = None
    deviation_interval: Interval | None = None
    holds: bool | None = None

    @property
    def triangle(self) -> Triangle:
        """Its sides."""
        return Triangle(self.compressed_restored, self.compressed_original, self.restored_original)


@dataclass(frozen=True)
class RealismFacts:
    """How real the discriminator of what is evaluated finds patches, from 0 to 1."""

    kind: str | None = None
    """`relativistic` or `plain`."""
    conditional: bool | None = None
    patch_size: int | None = None
    sha256: str | None = None
    original: float | None = None
    restored: float | None = None
    compressed: float | None = None
    original_interval: Interval | None = None
    restored_interval: Interval | None = None
    compressed_interval: Interval | None = None


@dataclass(frozen=True)
class DisparityLine:
    """The regression of the restored on the original distance of patches from their compressed versions."""

    slope: float | None = None
    intercept: float | None = None
    r_squared: float | None = None
    nearer: float | None = None
    """Percent of the patches that are nearer to the compressed one restored than original."""
    patches: int | None = None


@dataclass(frozen=True)
class Speed:
    """How fast images were restored."""

    seconds: float | None = None
    megapixels_per_second: float | None = None
    device: str | None = None
    precision: str | None = None


@dataclass(frozen=True)
class NetworkCost:
    """What a network costs, whatever it runs on."""

    name: str | None = None
    parameters: int | None = None
    multiply_adds_per_pixel: float | None = None
    """Of its convolutions and matrix products, for each pixel of the image."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `biasgan evaluate` measured of one subject on one set, codec and quality.

    Attributes:
        file: Where it is written, beside its tables and pictures.
        chosen: Baseline, method, codec, data and scale of the training.
        training: What the run left as summary.json.
        config: The resolved configuration of the training; see `configuration`.
        protocols: What the number of each metric is.
        unavailable: Metric → why it was not measured.
        triangles: By features, lpips or fid.
        disparity: By pixels and features.
        pictures: Paths of the pictures of an image by what they show, and its `name`.
    """

    file: Path
    subject: SubjectFacts
    chosen: Json = field(default_factory=dict[str, Any])
    training: Json = field(default_factory=dict[str, Any])
    config: Any = None
    codec: str
    quality: float | str
    codec_identity: Json = field(default_factory=dict[str, Any])
    set: SetFacts
    metrics: Mapping[str, Measured]
    protocols: Mapping[str, Json] = field(default_factory=dict[str, Json])
    unavailable: Mapping[str, str] = field(default_factory=dict[str, str])
    bits_per_pixel: Rate
    features: FeatureFacts | None = None
    triangles: Mapping[str, Distances] = field(default_factory=dict[str, Distances])
    realism: RealismFacts | None = None
    disparity: Mapping[str, DisparityLine] = field(default_factory=dict[str, DisparityLine])
    speed: Speed | None = None
    network: NetworkCost | None = None
    pictures: Sequence[Mapping[str, str]] = ()
    command: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    hardware: str | None = None
    commit: str | None = None
    date: str | None = None

    def write(self) -> None:
        """Write the file, whole or not at all; infinities and NaN, which JSON cannot express, as null."""
        content = asdict(self, dict_factory=without_sparse)
        del content["file"]
        with atomic_write(self.file) as temporary:
            text = json.dumps(finite({"format": FORMAT, **content}), indent=2, allow_nan=False)
            temporary.write_text(f"{text}\n")

    @classmethod
    def read(cls, file: Path) -> "Evaluation":
        """Read and check an evaluation.

        Raises:
            EvaluationError: If it is no JSON, of another format, or something in it is missing or of another kind;
                names the first.
        """
        try:
            content = as_now(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{file} cannot be read: {error}.") from error
        if not isinstance(content, dict) or cast(Json, content).get("format") != FORMAT:
            raise EvaluationError(f"{file} is no evaluation of format {FORMAT}, which is the one that is known here.")
        try:
            return as_declared(cls, {**content, "file": file}, "evaluation")
        except EvaluationError as error:
            raise EvaluationError(f"{file}: {error}") from None

    @cached_property
    def condition(self) -> Condition:
        """The images."""
        identity = json.dumps(self.codec_identity, sort_keys=True)
        quality = quality_text(self.quality) or ""
        return Condition(self.set.name, self.set.images, self.set.fingerprint, self.codec, identity, quality)

    @property
    def seed(self) -> int | None:
        """Of the training, where it is known."""
        return self.training.get("seed", self.configuration.get("seed"))

    @cached_property
    def configuration(self) -> Json:
        """The resolved configuration of the training; empty where it is not known."""
        # Evaluations of former releases have none in them.
        given = self.config or (self.run.read_config() if self.run else {})
        return given if isinstance(part(given, "training"), dict) else {}

    @cached_property
    def run(self) -> RunFolder | None:
        """The run that was evaluated, where it is one and still there."""
        # The folder may have been moved since.
        places = map(RunFolder, (self.file.parent, self.file.parent.parent, self.subject.path))
        return next((place for place in places if place.is_begun), None) if self.subject.kind == "run" else None

    @cached_property
    def images(self) -> Mapping[str, Mapping[str, str]]:
        """Rows of `evaluation.csv` by the name of their image; empty where there is no such file."""
        file = self.file.with_suffix(".csv")
        if not file.is_file():
            return {}
        with file.open(newline="", encoding="utf-8") as opened:
            return {row["name"]: row for row in csv.DictReader(opened) if row.get("name")}


def quality_text(quality: object) -> str | None:
    """A quality in words; None where it is none."""
    if isinstance(quality, int | float) and not isinstance(quality, bool):
        return f"{quality:g}"
    return quality if isinstance(quality, str) else None


def part(content: object, *names: str) -> Any:  # noqa: ANN401
    """What stands at a place within nested tables, None if there is nothing."""
    for name in names:
        content = cast(Json, content).get(name) if isinstance(content, dict) else None
    return content


def without_sparse(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Fields by name, without those that few things have."""
    return {name: value for name, value in fields if value is not None or name not in SPARSE}


def finite(value: Any) -> Any:  # noqa: ANN401 - of any JSON
    """The same JSON with null for what it cannot express: infinities and NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in cast(Json, value).items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in cast(Sequence[Any], value)]
    return value


def as_declared(kind: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - of any JSON
    """A value of JSON as a field is declared; what is null is missing.

    Args:
        kind: Type of the field: a dataclass, a number, a text, or a mapping or list of these.
        value: What came.
        name: Of the field, for errors.

    Raises:
        EvaluationError: If it is of another kind.
    """
    some = [each for each in get_args(kind) if each is not NoneType]
    if kind == float | str:
        if quality_text(value) is None:
            raise EvaluationError(f"{name} must be a number or a text; got {value!r}.")
        return value
    if get_origin(kind) is tuple:
        ends = checked(list, value, name)
        return tuple(ends) if len(ends) == 2 and all(type(end) in (int, float) for end in ends) else None
    if get_origin(kind) is Mapping:
        table = checked(dict, value, name)
        known = {key: each for key, each in table.items() if each is not None or some[1] is Any}
        return {key: as_declared(some[1], each, key) for key, each in known.items()}
    if get_origin(kind) is Sequence:
        return [as_declared(some[0], each, name) for each in checked(list, value, name)]
    if some:  # or None
        return as_declared(some[0], value, name)
    if not is_dataclass(kind):
        return value if kind in (Any, Path) else checked(kind, value, name)
    table, given = checked(dict, value, name), {}
    for each in fields(kind):
        found = table.get(each.name)
        if found is not None or (each.default is MISSING and each.default_factory is MISSING):
            given[each.name] = as_declared(each.type, found, each.name)
    return cast(type[Any], kind)(**given)


def checked(kind: type, value: Any, name: str) -> Any:  # noqa: ANN401 - of any JSON
    """A value of a kind; a number as float.

    Raises:
        EvaluationError: If it is of another.
    """
    if kind is float and type(value) in (int, float):
        return float(value)
    if type(value) is not kind:
        raise EvaluationError(f"{name} must be {KINDS[kind]}; got {value!r:.60}.")
    return value
