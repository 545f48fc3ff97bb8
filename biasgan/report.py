"""Gather evaluated runs on one page: `python -m biasgan.report --runs outputs`."""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.io.files import atomic_write
from biasgan.reporting.absent import Absent, find_absent, reasons
from biasgan.reporting.bias_table import bias_table
from biasgan.reporting.charts import Chart, rate_distortion_charts, realism_charts, training_charts, triangle_charts
from biasgan.reporting.comparisons import comparison_table
from biasgan.reporting.configuration_table import configuration_table
from biasgan.reporting.csv_files import results_as_csv, table_as_csv
from biasgan.reporting.disparity_charts import disparity_charts
from biasgan.reporting.evaluation_table import evaluation_table
from biasgan.reporting.evaluations import Condition, Evaluation, find_evaluations, places
from biasgan.reporting.groups import Grouped, by_condition, grouped, labels_of, repeated
from biasgan.reporting.latex import table_as_latex
from biasgan.reporting.page import Section, page
from biasgan.reporting.pictures import pictures_of
from biasgan.reporting.tables import ablation_table, bd_metric_table, bd_rate_table, quality_table, sweeps

TEXT = """
Gather what `python -m biasgan.evaluate` measured, of runs, sweeps, weights and folders of images, on one page that
opens from disk, beside the paper's own figures; every table is written as CSV and LaTeX, every chart as SVG.

  python -m biasgan.report --runs outputs
  python -m biasgan.report --runs 'outputs/realesrgan-*' evaluations --out report
"""


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
    runs = list(runs)
    evaluations, left_out = find_evaluations(runs)
    absent = find_absent(runs, evaluations)
    folder = Path(out)
    for place in (folder, folder / "tables", folder / "figures"):
        place.mkdir(parents=True, exist_ok=True)
    groups, twice = grouped(evaluations), repeated(evaluations)
    conditions = by_condition(groups, evaluations)
    labels = labels_of(conditions)
    pictures, unreadable = pictures_of(conditions)
    again = [f"{one}: of the configuration and seed of {other}, so no further seed." for one, other in twice.items()]
    left_out = (*left_out, *again, *(f"{one.folder}: {one.reason}." for one in absent), *unreadable)
    sections = _sections(evaluations, groups, conditions, labels, absent)
    tables = [table for section in sections for table in section.tables]
    charts = [chart for section in sections for chart in section.charts]
    for table in tables:
        _write(folder / "tables" / f"{table.name}.csv", table_as_csv(table))
        _write(folder / "tables" / f"{table.name}.tex", table_as_latex(table))
    for chart in charts:
        _write(folder / "figures" / f"{chart.name}.svg", chart.svg)
        _write(folder / "figures" / f"{chart.name}-dark.svg", chart.dark)
    _write(folder / "results.csv", results_as_csv(evaluations))
    file = folder / "report.html"
    before = linked(file)
    _write(file, page(sections, evaluations, left_out, pictures, labels, len(groups)))
    for name in before - linked(file):
        (folder / name).unlink(missing_ok=True)
    return file, left_out


def linked(page: Path) -> set[str]:
    """Files of tables and figures that a page has links to, relative to it; none where there is no page."""
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
    return set(re.findall(r'href="((?:tables|figures)/[\w.-]+\.(?:csv|tex|svg))"', text))


def _sections(
    evaluations: Sequence[Evaluation],
    groups: Grouped,
    conditions: Mapping[Condition, Grouped],
    labels: Mapping[Condition, str],
    absent: Sequence[Absent],
) -> list[Section]:
    """Tables and charts, in the order of the page."""
    by_images = {c: [one for one in evaluations if one.condition == c] for c in conditions}
    why = {c: reasons(absent, c) for c in conditions}
    curves = sweeps(by_images)
    others = {c: [one for other in some for one in by_images[other]] for some in curves.values() for c in some}
    qualities = [
        quality_table(c, labels[c], own, by_images[c], why[c], others.get(c, ())) for c, own in conditions.items()
    ]
    ablations = [table for c, own in conditions.items() if (table := ablation_table(c, labels[c], own, why[c]))]
    rates: list[Chart] = []
    bias: list[Chart] = []
    for label, some in curves.items():
        rates += rate_distortion_charts(label, some, groups)
    for condition, own in conditions.items():
        bias += triangle_charts(labels[condition], own)
        bias += realism_charts(labels[condition], own)
        bias += disparity_charts(labels[condition], own)
    comparisons = comparison_table(conditions, labels)
    training = list(training_charts(groups))
    configurations = configuration_table(groups)
    return [
        Section("quality", "Quality", "Objective quality of compressed and restored images, as in Tab. 3.", qualities),
        Section(
            "rate",
            "Rate",
            "What the same quality costs in bits, as in Tab. 4 and Fig. 7."
            + ("" if rates else " Curves need several qualities."),
            [
                table(label, some, groups, {subject: reason for c in some for subject, reason in why[c].items()})
                for label, some in curves.items()
                for table in (bd_rate_table, bd_metric_table)
            ],
            rates,
        ),
        Section(
            "ablation",
            "Ablation",
            "What each mitigation brings, as in Tab. 5: vanilla has none, conditional has the conditional "
            "discriminator, divergence the divergence regulariser, full has both."
            if ablations
            else "No evaluation of ESRGAN or Real-ESRGAN has FID or PSNR.",
            ablations,
        ),
        Section(
            "bias",
            "Bias",
            "How near restored images are to compressed and to original ones, as in Tab. 1 and 2, Fig. 3, 6, 8 and 9.",
            [bias_table(c, labels[c], own, why[c]) for c, own in conditions.items()],
            bias,
        ),
        Section(
            "tests",
            "Tests",
            "Whether methods differ by more than chance."
            if comparisons
            else "Nothing to compare: no vanilla training was evaluated beside one with mitigations.",
            [comparisons] if comparisons else [],
        ),
        Section(
            "training",
            "Training",
            "How trainings went, one line a seed." if training else "No run that was evaluated has a log.csv left.",
            (),
            training,
        ),
        Section(
            "evaluations",
            "Evaluations",
            "All that was evaluated.",
            [evaluation_table(evaluations, labels), *([configurations] if configurations else [])],
        ),
    ]


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def patterns(given: str) -> list[str]:
    """Globs as they are given: one, or several with commas between them, since folders of sweeps may have commas."""
    return [given] if places(given) else [part for part in given.split(",") if part]


def main() -> None:
    """Run from the command line."""
    parser = Parser("report", TEXT, ("runs", "out"))
    parser.add_argument(
        "--runs", metavar="RUN", nargs="+", required=True,
        help="folders, searched with their subfolders for evaluation.json, or patterns of such",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=path, default="report",
        help="the folder to write (default: report): report.html, results.csv, tables/ and figures/",
    )  # fmt: skip
    given = parser.read(sys.argv[1:])
    with plain_errors():
        runs = [pattern for word in given.runs for pattern in patterns(word)]
        file, left_out = report(runs, given.out)
        console = Console(highlight=False, markup=False, soft_wrap=True)
        for reason in left_out:
            console.print(f"left out: {reason}")
        console.print(os.fspath(file))


if __name__ == "__main__":
    main()
