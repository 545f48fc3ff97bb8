import math
from collections.abc import Sequence
from functools import cached_property
from statistics import fmean

import numpy as np
import torch

from biasgan.analysis.disparity import Disparity
from biasgan.analysis.realism import Realism, Scores, patch_realism
from biasgan.analysis.triangle import Triangle, deviation
from biasgan.data.pairs.entry import Entry, asked_by
from biasgan.evaluation.bootstrap import Array, Bootstrap, Interval
from biasgan.evaluation.kept import Measurement
from biasgan.evaluation.measures import FID, LPIPS, Measures, columns
from biasgan.evaluation.result import SIDES, DisparityLine, Distances, Measured, Rate, RealismFacts, Speed
from biasgan.evaluation.tables import Line
from biasgan.io.checksums import sha256_of_json


class Findings:
    """What is found of a set, computed of what was measured on its images.

    Args:
        entries: The images.
        names: Of the images.
        measurements: What was measured on each.
        measures: By which.
        seed: Of the bootstrap's draws.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        names: Sequence[str],
        measurements: Sequence[Measurement],
        measures: Measures,
        seed: int = 0,
    ) -> None:
        self.entries = entries
        self.names = names
        self.measurements = measurements
        self.measures = measures
        self.bootstrap = Bootstrap(len(measurements), seed)

    def each(self, name: str) -> Array:
        """One value, or several, of each image that has them, (N, …), float64."""
        values = np.stack([one.values[name].double().numpy() for one in self.measurements])
        return values[~np.isnan(values).any(axis=tuple(range(1, values.ndim)))]

    def vectors(self, name: str) -> list[torch.Tensor] | None:
        """Features of all images of a metric of sets: compressed, restored and original, each (V, D), float64."""
        key = f"vectors/{name}"
        parts = [one.values[key].double() for one in self.measurements if key in one.values]
        return list(torch.cat(parts, dim=1)) if parts else None

    def unmeasured(self, metric: str) -> dict[str, str]:
        """Why images have no value of a metric, by their names."""
        side = self.measures.suite.smallest_sides[metric]
        return {
            name: entry.misses(asked_by({metric: side})) or "it gives no number"
            for name, entry, one in zip(self.names, self.entries, self.measurements, strict=True)
            if (metric in self.measures.set_metrics and f"vectors/{metric}" not in one.values)
            or (metric in self.measures.image_metrics and one.values[f"metric/{metric}"].isnan().any())
        }

    @property
    def fingerprint(self) -> str:
        """Hash of the names of all images and of their pixels, before and after compression."""
        images = [one.note["image"] for one in self.measurements]
        return sha256_of_json(list(zip(self.names, images, strict=True)))

    def metrics(self) -> dict[str, Measured]:
        """Means by metric, of the compressed and the restored images, with intervals where each image has a value."""
        return {name: self.metric(name) for name in self.measures.suite.protocols}

    def metric(self, name: str) -> Measured:
        """One of them, of whole sets or of the images."""
        unmeasured = self.unmeasured(name) or None
        images = len(self.measurements) - len(unmeasured) if unmeasured else None
        if name in self.measures.set_metrics:
            vectors, distance = self.vectors(name), self.measures.set_metrics[name].distance
            sides = [float(distance(side, vectors[2])) for side in vectors[:2]] if vectors else [math.nan] * len(SIDES)
            count = len(vectors[0]) if vectors else 0
            return Measured(sides[0], sides[1], vectors=count, images=images, unmeasured=unmeasured)
        each = self.each(f"metric/{name}")
        with np.errstate(invalid="ignore"):  # of infinities, as PSNR of equal images
            gain = each[:, 1] - each[:, 0]
        sides = each.mean(0).tolist() if len(each) else [math.nan] * len(SIDES)
        bootstrap = self.bootstrap_of(len(each))
        before, after, gained = (bootstrap.interval(column) for column in (*each.T, gain))
        return Measured(sides[0], sides[1], before, after, gained, images=images, unmeasured=unmeasured)

    def bootstrap_of(self, images: int) -> Bootstrap:
        """The bootstrap of so many of the images."""
        return self.bootstrap if images == self.bootstrap.images else Bootstrap(images, self.bootstrap.seed)

    def bits_per_pixel(self) -> Rate:
        """Mean size of the compressed files."""
        rates = [entry.bits_per_pixel for entry in self.entries]
        return Rate(fmean(rates), self.bootstrap.interval(rates))

    def triangles(self) -> dict[str, Distances]:
        """The triangle of mean distances by features, and by LPIPS and FID where these were measured."""
        found: dict[str, Distances] = {}
        for name in ("features", LPIPS):
            sides = self.each(key) if (key := f"triangle/{name}") in self.measurements[0].values else np.empty(0)
            if len(sides):
                means = self.bootstrap_of(len(sides)).means(sides)
                deviations = np.array([deviation(*map(float, each)) for each in means])
                interval = self.bootstrap.percentiles(deviations)
                found[name] = described(Triangle(*map(float, sides.mean(0))), interval)
        if FID in self.measures.set_metrics and (vectors := self.vectors(FID)):
            distance = self.measures.set_metrics[FID].distance

            def length(one: torch.Tensor, other: torch.Tensor) -> float:
                # Of equal sets rounding may leave less than nothing.
                return max(0.0, float(distance(one, other)))

            found[FID] = described(Triangle.measured(length, *vectors), None)
        return found

    @cached_property
    def patch_realism(self) -> list[Scores]:
        """How real the discriminator finds the patches of each image; empty if there is none."""
        judge = self.measures.judge
        if not judge:
            return []
        scores = [Scores(*one.values["scores"].unbind(1)) for one in self.measurements]
        patches = [len(each.original) for each in scores]
        found = patch_realism(*Scores.joined(scores), judge.loss.relativistic)
        return [Scores(*parts) for parts in zip(*(torch.split(each, patches) for each in found), strict=True)]

    def realism(self) -> RealismFacts | None:
        """How real the discriminator finds all patches; None if there is none.

        In the intervals the averages that a relativistic score compares with are taken as known.
        """
        judge = self.measures.judge
        if not judge:
            return None
        kind = "relativistic" if judge.loss.relativistic else "plain"
        averages = Realism(*(each.mean().item() for each in Scores.joined(self.patch_realism)))
        original, restored, compressed = map(self.realism_interval, Scores._fields)
        about = (kind, judge.conditional, judge.patch_size, judge.sha256)
        return RealismFacts(*about, *averages, original, restored, compressed)

    def realism_interval(self, name: str) -> Interval | None:
        """Interval of the realism of originals, restored or compressed images, drawn with all their patches."""
        values = [getattr(each, name) for each in self.patch_realism]
        means = self.bootstrap.means([[float(value.double().sum()), len(value)] for value in values])
        return self.bootstrap.percentiles(means[:, 0] / means[:, 1])

    @cached_property
    def disparities(self) -> dict[str, Disparity]:
        """Disparity of all patches by pixels and by features."""
        return {
            name: Disparity.joined(Disparity(*columns(one.values[f"disparity/{name}"])) for one in self.measurements)
            for name in ("pixels", "features")
        }

    def disparity(self) -> dict[str, DisparityLine]:
        """The regression lines of disparity, and the percentage of patches nearer to the compressed than originals."""
        return {
            name: DisparityLine(*each.line, each.nearer, len(each.original)) for name, each in self.disparities.items()
        }

    def disparity_rows(self) -> list[Line]:
        """One row for each patch: its image, and how far it was and is from its compressed version."""
        rows: list[Line] = []
        for name, one in zip(self.names, self.measurements, strict=True):
            values = {
                f"{distance}_{side}": column
                for distance in self.disparities
                for side, column in zip(Disparity._fields, columns(one.values[f"disparity/{distance}"]), strict=True)
            }
            for number, of_patch in enumerate(zip(*values.values(), strict=True)):
                rows.append({"name": name, "patch": number, **dict(zip(values, map(float, of_patch), strict=True))})
        return rows

    def speed(self, precision: str) -> Speed | None:
        """How fast images were restored; None if they were restored elsewhere, or not at all."""
        times = [float(one.values["seconds"]) for one in self.measurements if "seconds" in one.values]
        if len(times) < len(self.measurements):
            return None
        pixels = sum(entry.width * entry.height for entry in self.entries)
        devices = dict.fromkeys(one.note["device"] for one in self.measurements)
        return Speed(sum(times), pixels / 1e6 / sum(times), ", ".join(devices), precision)

    def rows(self) -> list[Line]:
        """One row for each image: name, size, bits per pixel, metrics and realism; None where there is no value."""
        rows: list[Line] = []
        for number, (entry, name, one) in enumerate(zip(self.entries, self.names, self.measurements, strict=True)):
            row: dict[str, str | int | float | None] = {"name": name, "height": entry.height, "width": entry.width}
            row["bits_per_pixel"] = entry.bits_per_pixel
            for metric in self.measures.image_metrics:
                for side, value in zip(SIDES, one.values[f"metric/{metric}"], strict=True):
                    row[f"{metric}_{side}"] = None if value.isnan() else value.item()
            for scores in self.patch_realism[number : number + 1]:
                row |= {f"realism_{state}": float(each.mean()) for state, each in scores._asdict().items()}
            if "seconds" in one.values:
                row["seconds"] = float(one.values["seconds"])
            rows.append(row)
        return rows


def described(triangle: Triangle, interval: Interval | None) -> Distances:
    """A triangle with its deviation."""
    return Distances(*triangle, triangle.deviation, interval, triangle.holds)
