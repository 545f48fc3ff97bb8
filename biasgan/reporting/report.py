"""From evaluations to the page, the tables and the figures."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from biasgan.evaluation.result import Condition, Evaluation
from biasgan.io.files import atomic_write
from biasgan.reporting.bias import bias_table
from biasgan.reporting.charts import (
    disparity_charts,
    rate_distortion_charts,
    realism_charts,
    training_charts,
    triangle_charts,
)
from biasgan.reporting.comparisons import comparison_table
from biasgan.reporting.files import results_as_csv, table_as_csv, table_as_latex
from biasgan.reporting.groups import Grouped, Images, by_images, grouped, repeated
from biasgan.reporting.overview import configuration_table, evaluation_table
from biasgan.reporting.page import Section, page
from biasgan.reporting.pictures import pictures_of
from biasgan.reporting.rates import Sweep, bd_metric_table, bd_rate_table, sweeps
from biasgan.reporting.search import find_absent, find_evaluations
from biasgan.reporting.tables import ablation_table, quality_table


def report(runs: Iterable[str], out: str | Path = "report") -> tuple[Path, tuple[str, ...]]:
    """Gather evaluations and write the page, the tables and the figures.

    Files of the same names are replaced; what an earlier page had links to, and this one has not, is removed.

    Args:
        runs: What `find_evaluations` takes.
        out: The folder.

    Returns:
        The page, and why evaluations or pictures were left out.

    Raises:
        FileNotFoundError: If there are no evaluations.
        OSError: If the folder cannot be written to.
    """
    runs, folder = list(runs), Path(out)
    evaluations, left_out = find_evaluations(runs)
    absent = find_absent(runs, evaluations)
    for place in (folder, folder / "tables", folder / "figures"):
        place.mkdir(parents=True, exist_ok=True)
    groups = grouped(evaluations)
    images = by_images(groups, evaluations, absent)
    labels = {one.condition: one.label for one in images}
    pictures, unreadable = pictures_of(images)
    twice = repeated(evaluations).items()
    again = [f"{one}: of the configuration and seed of {other}, so no further seed." for one, other in twice]
    left_out = (*left_out, *again, *(f"{one.folder}: {one.reason}." for one in absent), *unreadable)
    sections = sections_of(evaluations, groups, images, labels)
    for section in sections:
        write_files(section, folder)
    write(folder / "results.csv", results_as_csv(evaluations))
    file = folder / "report.html"
    before = linked(file)
    write(file, page(sections, evaluations, left_out, pictures, labels, len(groups)))
    for name in before - linked(file):
        (folder / name).unlink(missing_ok=True)
    return file, left_out


def write_files(section: Section, folder: Path) -> None:
    """Write the tables and charts of a section."""
    for table in section.tables:
        write(folder / "tables" / f"{table.name}.csv", table_as_csv(table))
        write(folder / "tables" / f"{table.name}.tex", table_as_latex(table))
    for chart in section.charts:
        write(folder / "figures" / f"{chart.name}.svg", chart.svg)
        write(folder / "figures" / f"{chart.name}-dark.svg", chart.dark)


def write(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def linked(page: Path) -> set[str]:
    """Files of tables and figures that a page has links to, relative to it; none where there is no page."""
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
    return set(re.findall(r'href="((?:tables|figures)/[\w.-]+\.(?:csv|tex|svg))"', text))


def sections_of(
    evaluations: Sequence[Evaluation], groups: Grouped, images: Sequence[Images], labels: Mapping[Condition, str]
) -> list[Section]:
    """Tables and charts, in the order of the page."""
    curves = sweeps(images, groups)
    return [
        quality_section(images, curves),
        rate_section(curves),
        ablation_section(images),
        bias_section(images),
        tests_section(images),
        training_section(groups),
        evaluations_section(evaluations, groups, labels),
    ]


def quality_section(images: Sequence[Images], curves: Sequence[Sweep]) -> Section:
    """Tab. 3."""
    lead = "Objective quality of compressed and restored images, as in Tab. 3."
    by_condition = {one.condition: one.evaluations for one in images}
    others = {
        condition: [one for other in sweep.conditions for one in by_condition[other]]
        for sweep in curves
        for condition in sweep.conditions
    }
    return Section("quality", "Quality", lead, [quality_table(one, others.get(one.condition, ())) for one in images])


def rate_section(curves: Sequence[Sweep]) -> Section:
    """Tab. 4 and Fig. 7."""
    charts = [chart for sweep in curves for chart in rate_distortion_charts(sweep)]
    few = "" if charts else " Curves need several qualities."
    lead = f"What the same quality costs in bits, as in Tab. 4 and Fig. 7.{few}"
    tables = [table(sweep) for sweep in curves for table in (bd_rate_table, bd_metric_table)]
    return Section("rate", "Rate", lead, tables, charts)


def ablation_section(images: Sequence[Images]) -> Section:
    """Tab. 5."""
    tables = [table for one in images if (table := ablation_table(one))]
    lead = (
        "What each mitigation brings, as in Tab. 5: vanilla has none, conditional has the conditional discriminator, "
        "divergence the divergence regulariser, full has both."
    )
    none = "No evaluation of ESRGAN or Real-ESRGAN has FID or PSNR."
    return Section("ablation", "Ablation", lead if tables else none, tables)


def bias_section(images: Sequence[Images]) -> Section:
    """Tab. 1 and 2, Fig. 3, 6, 8 and 9."""
    lead = "How near restored images are to compressed and to original ones, as in Tab. 1 and 2, Fig. 3, 6, 8 and 9."
    kinds = (triangle_charts, realism_charts, disparity_charts)
    charts = [chart for one in images for charts_of in kinds for chart in charts_of(one)]
    return Section("bias", "Bias", lead, [bias_table(one) for one in images], charts)


def tests_section(images: Sequence[Images]) -> Section:
    """Tests between methods."""
    table = comparison_table(images)
    none = "Nothing to compare: no vanilla training was evaluated beside one with mitigations."
    lead = "Whether methods differ by more than chance." if table else none
    return Section("tests", "Tests", lead, [table] if table else [])


def training_section(groups: Grouped) -> Section:
    """Logs of trainings."""
    charts = list(training_charts(groups))
    lead = "How trainings went, one line a seed." if charts else "No run that was evaluated has a log.csv left."
    return Section("training", "Training", lead, (), charts)


def evaluations_section(evaluations: Sequence[Evaluation], groups: Grouped, labels: Mapping[Condition, str]) -> Section:
    """All that was evaluated."""
    configurations = configuration_table(groups)
    tables = [evaluation_table(evaluations, labels), *([configurations] if configurations else [])]
    return Section("evaluations", "Evaluations", "All that was evaluated.", tables)
