import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from biasgan.evaluation.figures import SIDES
from biasgan.evaluation.table import NO_PARQUET, can_write_parquet
from biasgan.io.weight_files import fetch_command
from biasgan.metrics.fid import caution


def result_table(result: Mapping[str, Any]) -> Table:
    """The main figures of an evaluation, for the terminal.

    Args:
        result: As it is written to `evaluation.json`.
    """
    images = result["set"]["images"]
    title = f"{result['subject']['name']} · {result['set']['name']} · {result['codec']} {result['quality']}"
    table = Table(title=title, caption=f"{images} image{'s' if images > 1 else ''}; intervals of 95 % over images")
    for column in ("", *SIDES, "gain", "interval"):
        table.add_column(column, justify="right" if column else "left")
    for name, means in result["metrics"].items():
        protocol = result["protocols"][name]
        unit, arrow = f", {protocol['unit']}" if protocol["unit"] else "", "↑" if protocol["higher_is_better"] else "↓"
        compressed, restored = (float(means[side]) for side in SIDES)
        cells = [f"{compressed:.4g}", f"{restored:.4g}", f"{restored - compressed:+.3g}"]
        if math.isnan(compressed):
            cells = ["", "", ""]
        table.add_row(f"{name}{unit} {arrow}", *cells, written(means["gain_interval"]))
    table.add_section()
    for name, triangle in result["triangles"].items():
        interval = written(triangle["deviation_interval"])
        table.add_row(f"deviation, {name}, %", "", "", f"{triangle['deviation']:+.1f}", interval)
    if realism := result["realism"]:
        scores = (f"{realism[side]:.3f}" for side in SIDES)
        table.add_row(f"realism; originals {realism['original']:.2f}", *scores)
    table.add_row("bits per pixel", f"{result['bits_per_pixel']['mean']:.4g}")
    if speed := result["speed"]:
        table.add_row("megapixels a second", "", f"{speed['megapixels_per_second']:.3g}")
    return table


def remarks(result: Mapping[str, Any]) -> list[str]:
    """What whoever reads the table must know, and what would change it, in lines."""
    lines: list[str] = []
    if result["features"]["weights"] == "random":
        lines.append("Features are those of a VGG-19 with random weights; see features.weights for ImageNet's.")
    for name, means in result["metrics"].items():
        if unmeasured := means.get("unmeasured"):
            image, reason = next(iter(unmeasured.items()))
            more = f", as {len(unmeasured) - 1} more" if len(unmeasured) > 1 else ""
            lines.append(f"{name} is that of {means['images']} images: {image} has {reason}{more}.")
        if "vectors" in means and (few := caution(result["protocols"][name]["metric"], means["vectors"])):
            lines.append(few)
    for name, triangle in result["triangles"].items():
        if not triangle["holds"]:
            lines.append(f"The distances by {name} form no triangle: one is longer than the other two together.")
    unavailable: Mapping[str, str] = result["unavailable"]
    fetched = [name for name, reason in unavailable.items() if fetch_command(name) in reason]
    if fetched:
        lines.append(f"Not measured: {', '.join(fetched)}. {fetch_command(' '.join(fetched))}")
    reasons = {reason for name, reason in unavailable.items() if name not in fetched}
    for reason in sorted(reasons):
        names = [name for name in unavailable if unavailable[name] == reason]
        lines.append(f"Not measured: {', '.join(names)}. {reason}")
    if not can_write_parquet():
        lines.append(NO_PARQUET)
    return lines


def written(interval: Sequence[float] | None) -> str:
    """An interval, for people."""
    return "" if interval is None else " … ".join(f"{end:+.3g}" for end in interval)
