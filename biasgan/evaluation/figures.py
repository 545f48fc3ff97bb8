import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import fmean
from typing import Any, cast

import numpy as np
import torch

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.realism import Scores, patch_realism
from biasgan.analysis.triangle import Triangle, deviation
from biasgan.data.pairs.entry import Entry, asked_by
from biasgan.evaluation.bootstrap import Array, Bootstrap, Interval
from biasgan.evaluation.measures import FID, Measures, columns
from biasgan.evaluation.record import Record
from biasgan.io.checksums import sha256_of_json

SIDES = ("compressed", "restored")


class Figures:
    """The figures of a set, computed of what was measured on its images.

    Args:
        entries: The images.
        names: Of the images.
        records: What was measured on each.
        measures: By which.
        seed: Of the bootstrap's draws.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        names: Sequence[str],
        records: Sequence[Record],
        measures: Measures,
        seed: int = 0,
    ) -> None:
        self.entries = entries
        self.names = names
        self.records = records
        self.measures = measures
        self.bootstrap = Bootstrap(len(records), seed)

    def each(self, name: str) -> Array:
        """One value, or several, of each image that has them, (N, …), float64."""
        values = np.stack([record.values[name].double().numpy() for record in self.records])
        return values[~np.isnan(values).any(axis=tuple(range(1, values.ndim)))]

    def vectors(self, name: str) -> list[torch.Tensor] | None:
        """Features of all images of a metric of sets: compressed, restored and original, each (V, D), float64."""
        key = f"vectors/{name}"
        parts = [record.values[key].double() for record in self.records if key in record.values]
        return list(torch.cat(parts, dim=1)) if parts else None

    def unmeasured(self, metric: str) -> dict[str, str]:
        """Why images have no value of a metric, by their names."""
        side = self.measures.suite.smallest_sides[metric]
        return {
            name: entry.misses(asked_by({metric: side})) or "it gives no number"
            for name, entry, record in zip(self.names, self.entries, self.records, strict=True)
            if (metric in self.measures.set_metrics and f"vectors/{metric}" not in record.values)
            or (metric in self.measures.image_metrics and record.values[f"metric/{metric}"].isnan().any())
        }

    @property
    def fingerprint(self) -> str:
        """Hash of the names of all images and of their pixels, before and after compression."""
        images = [record.note["image"] for record in self.records]
        return sha256_of_json(list(zip(self.names, images, strict=True)))

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Means by metric, of the compressed and the restored images, with intervals where each image has a value."""
        found: dict[str, dict[str, Any]] = {}
        for name in self.measures.suite.protocols:
            if name in self.measures.set_metrics:
                found[name] = self.of_sets(name)
            else:
                each = self.each(f"metric/{name}")
                with np.errstate(invalid="ignore"):  # of infinities, as PSNR of equal images
                    gain = each[:, 1] - each[:, 0]
                values = each.mean(0).tolist() if len(each) else [math.nan] * len(SIDES)
                bootstrap = self.bootstrap_of(len(each))
                found[name] = described_metric(values, [bootstrap.interval(column) for column in (*each.T, gain)])
            if unmeasured := self.unmeasured(name):
                found[name] |= {"images": len(self.records) - len(unmeasured), "unmeasured": unmeasured}
        return found

    def of_sets(self, name: str) -> dict[str, Any]:
        """The figures of a metric of sets."""
        vectors = self.vectors(name)
        distance = self.measures.set_metrics[name].distance
        values = [float(distance(side, vectors[2])) for side in vectors[:2]] if vectors else [math.nan] * len(SIDES)
        return {**described_metric(values, [None] * 3), "vectors": len(vectors[0]) if vectors else 0}

    def bootstrap_of(self, images: int) -> Bootstrap:
        """The bootstrap of so many of the images."""
        return self.bootstrap if images == self.bootstrap.images else Bootstrap(images, self.bootstrap.seed)

    def bits_per_pixel(self) -> dict[str, Any]:
        """Mean size of the compressed files."""
        rates = [entry.bits_per_pixel for entry in self.entries]
        return {"mean": fmean(rates), "interval": self.bootstrap.interval(rates)}

    def triangles(self) -> dict[str, dict[str, Any]]:
        """The triangle of mean distances by features, and by LPIPS and FID where these were measured."""
        found: dict[str, dict[str, Any]] = {}
        for name in ("features", "lpips"):
            if f"triangle/{name}" in self.records[0].values:
                sides = self.each(f"triangle/{name}")
                if not len(sides):
                    continue
                means = self.bootstrap_of(len(sides)).means(sides)
                deviations = np.array([deviation(*map(float, each)) for each in means])
                triangle = Triangle(*map(float, sides.mean(0)))
                found[name] = described(triangle, self.bootstrap.percentiles(deviations))
        if FID in self.measures.set_metrics and (vectors := self.vectors(FID)):
            compressed, restored, original = vectors
            distance = self.measures.set_metrics[FID].distance

            def length(one: torch.Tensor, other: torch.Tensor) -> float:
                # Of equal sets rounding may leave less than nothing.
                return max(0.0, float(distance(one, other)))

            found[FID] = described(Triangle.measured(length, compressed, restored, original), None)
        return found

    @cached_property
    def patch_realism(self) -> list[Scores]:
        """How real the discriminator finds the patches of each image; empty if there is none."""
        judge = self.measures.judge
        if not judge:
            return []
        scores = [Scores(*record.values["scores"].unbind(1)) for record in self.records]
        patches = [len(each.original) for each in scores]
        found = patch_realism(*Scores.joined(scores), judge.relativistic)
        return [Scores(*parts) for parts in zip(*(torch.split(each, patches) for each in found), strict=True)]

    def realism(self) -> dict[str, Any] | None:
        """How real the discriminator finds all patches; None if there is none.

        In the intervals the averages that a relativistic score compares with are taken as known.
        """
        judge = self.measures.judge
        if not judge:
            return None
        averages = {name: each.mean().item() for name, each in Scores.joined(self.patch_realism)._asdict().items()}
        return {
            "kind": "relativistic" if judge.relativistic else "plain",
            "conditional": judge.conditional,
            "patch_size": judge.patch_size,
            "sha256": judge.sha256,
            **averages,
            **{f"{name}_interval": self.realism_interval(name) for name in Scores._fields},
        }

    def realism_interval(self, name: str) -> Interval | None:
        """Interval of the realism of originals, restored or compressed images, drawn with all their patches."""
        values = [getattr(each, name) for each in self.patch_realism]
        means = self.bootstrap.means([[float(value.double().sum()), len(value)] for value in values])
        return self.bootstrap.percentiles(means[:, 0] / means[:, 1])

    @cached_property
    def disparities(self) -> dict[str, Disparity]:
        """Disparity of all patches by pixels and by features."""
        return {
            name: Disparity.joined(Disparity(*columns(record.values[f"disparity/{name}"])) for record in self.records)
            for name in ("pixels", "features")
        }

    def disparity(self) -> dict[str, dict[str, Any]]:
        """The regression lines of disparity, and the percentage of patches nearer to the compressed than originals."""
        return {
            name: {**each.line._asdict(), "nearer": each.nearer, "patches": len(each.original)}
            for name, each in self.disparities.items()
        }

    def disparity_rows(self) -> list[dict[str, str | int | float]]:
        """One row for each patch: its image, and how far it was and is from its compressed version."""
        rows: list[dict[str, str | int | float]] = []
        for name, record in zip(self.names, self.records, strict=True):
            values = {
                f"{distance}_{side}": column
                for distance in self.disparities
                for side, column in zip(Disparity._fields, columns(record.values[f"disparity/{distance}"]), strict=True)
            }
            for number, of_patch in enumerate(zip(*values.values(), strict=True)):
                rows.append({"name": name, "patch": number, **dict(zip(values, map(float, of_patch), strict=True))})
        return rows

    def speed(self, precision: str) -> dict[str, Any] | None:
        """How fast images were restored; None if they were restored elsewhere, or not at all."""
        times = [float(record.values["seconds"]) for record in self.records if "seconds" in record.values]
        if len(times) < len(self.records):
            return None
        pixels = sum(entry.width * entry.height for entry in self.entries)
        return {
            "seconds": sum(times),
            "megapixels_per_second": pixels / 1e6 / sum(times),
            "device": ", ".join(dict.fromkeys(record.note["device"] for record in self.records)),
            "precision": precision,
        }

    def rows(self) -> list[dict[str, str | int | float | None]]:
        """One row for each image: name, size, bits per pixel, metrics and realism; None where there is no value."""
        rows: list[dict[str, str | int | float | None]] = []
        for number, (entry, name, record) in enumerate(zip(self.entries, self.names, self.records, strict=True)):
            row: dict[str, str | int | float | None] = {"name": name, "height": entry.height, "width": entry.width}
            row["bits_per_pixel"] = entry.bits_per_pixel
            for metric in self.measures.image_metrics:
                for side, value in zip(SIDES, record.values[f"metric/{metric}"], strict=True):
                    row[f"{metric}_{side}"] = None if value.isnan() else value.item()
            for scores in self.patch_realism[number : number + 1]:
                row |= {f"realism_{state}": float(each.mean()) for state, each in scores._asdict().items()}
            if "seconds" in record.values:
                row["seconds"] = float(record.values["seconds"])
            rows.append(row)
        return rows


def described_metric(values: Sequence[float], intervals: Sequence[Interval | None]) -> dict[str, Any]:
    """Means of the compressed and the restored images, with intervals of both and of the gain."""
    keys = (*(f"{side}_interval" for side in SIDES), "gain_interval")
    return {**dict(zip(SIDES, values, strict=True)), **dict(zip(keys, intervals, strict=True))}


def described(triangle: Triangle, interval: Interval | None) -> dict[str, Any]:
    """A triangle with its deviation."""
    return {
        **triangle._asdict(),
        "deviation": triangle.deviation,
        "deviation_interval": interval,
        "holds": triangle.holds,
    }


def finite(value: Any) -> Any:  # noqa: ANN401 - of any JSON
    """The same JSON with null for what it cannot express: infinities and NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in cast(Sequence[Any], value)]
    return value
