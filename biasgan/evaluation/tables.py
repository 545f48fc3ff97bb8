"""The tables of an evaluation: those beside it, and the one for the terminal."""

import csv
import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.table import Table

from biasgan.evaluation.result import SIDES, Evaluation, Interval
from biasgan.io.files import atomic_write
from biasgan.io.weight_files import fetch_command
from biasgan.metrics.fid import caution
from biasgan.networks.vgg_features import features_in_words

Line = Mapping[str, str | int | float | None]

NO_PARQUET = "evaluation.parquet is not written: pip install 'biasgan[tables]'"


def write_csv(lines: Sequence[Line], path: Path) -> None:
    """Write a table as CSV, whole or not at all.

    Args:
        lines: At least one, all with the same columns.
        path: The file.
    """
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def can_write_parquet() -> bool:
    """Whether pyarrow is installed, which is an extra."""
    return find_spec("pyarrow") is not None


def write_parquet(lines: Sequence[Line], path: Path) -> None:
    """Write a table as Parquet, whole or not at all; as `write_csv`.

    Raises:
        ImportError: If pyarrow is not installed.
    """
    if not can_write_parquet():
        raise ImportError(NO_PARQUET)
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    with atomic_write(path) as temporary:
        parquet.write_table(arrow.Table.from_pylist(list(lines)), temporary)


def result_table(found: Evaluation) -> Table:
    """What was found on the whole, for the terminal."""
    images = found.set.images
    title = f"{found.subject.name} · {found.set.name} · {found.codec} {found.quality}"
    table = Table(title=title, caption=f"{images} image{'s' if images > 1 else ''}; intervals of 95 % over images")
    for column in ("", *SIDES, "gain", "interval"):
        table.add_column(column, justify="right" if column else "left")
    for name, metric in found.metrics.items():
        protocol = found.protocols[name]
        unit, arrow = f", {protocol['unit']}" if protocol["unit"] else "", "↑" if protocol["higher_is_better"] else "↓"
        compressed, restored = (math.nan if side is None else side for side in (metric.compressed, metric.restored))
        cells = [f"{compressed:.4g}", f"{restored:.4g}", f"{restored - compressed:+.3g}"]
        table.add_row(
            f"{name}{unit} {arrow}", *([""] * 3 if math.isnan(compressed) else cells), written(metric.gain_interval)
        )
    table.add_section()
    for name, triangle in found.triangles.items():
        interval = written(triangle.deviation_interval)
        table.add_row(f"deviation, {name}, %", "", "", f"{triangle.deviation:+.1f}", interval)
    if realism := found.realism:
        scores = (f"{getattr(realism, side):.3f}" for side in SIDES)
        table.add_row(f"realism; originals {realism.original:.2f}", *scores)
    table.add_row("bits per pixel", f"{found.bits_per_pixel.mean:.4g}")
    if speed := found.speed:
        table.add_row("megapixels a second", "", f"{speed.megapixels_per_second:.3g}")
    return table


def remarks(found: Evaluation) -> list[str]:
    """What whoever reads the table must know, and what would change it, in lines."""
    lines: list[str] = []
    weights = found.features and found.features.weights
    if weights and weights.endswith("random"):
        lines.append(f"Features are those of a {features_in_words(weights)}; see features.weights for ImageNet's.")
    for name, metric in found.metrics.items():
        if metric.unmeasured:
            image, reason = next(iter(metric.unmeasured.items()))
            more = f", as {len(metric.unmeasured) - 1} more" if len(metric.unmeasured) > 1 else ""
            lines.append(f"{name} is that of {metric.images} images: {image} has {reason}{more}.")
        few = caution(found.protocols[name]["metric"], metric.vectors) if metric.vectors is not None else None
        lines += [few] if few else []
    for name, triangle in found.triangles.items():
        if not triangle.holds:
            lines.append(f"The distances by {name} form no triangle: one is longer than the other two together.")
    fetched = [name for name, reason in found.unavailable.items() if fetch_command(name) in reason]
    if fetched:
        lines.append(f"Not measured: {', '.join(fetched)}. {fetch_command(' '.join(fetched))}")
    reasons = {reason for name, reason in found.unavailable.items() if name not in fetched}
    for reason in sorted(reasons):
        names = [name for name, its in found.unavailable.items() if its == reason]
        lines.append(f"Not measured: {', '.join(names)}. {reason}")
    return lines if can_write_parquet() else [*lines, NO_PARQUET]


def written(interval: Interval | None) -> str:
    """An interval, for people."""
    return "" if interval is None else " … ".join(f"{end:+.3g}" for end in interval)
