"""Gather evaluated runs on one page: `biasgan report --runs outputs`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.system.console import say
from biasgan.system.imports import importing

TEXT = """
Gather what `biasgan evaluate` measured, of runs, sweeps, weights and folders of images, on one page that
opens from disk, beside the paper's own figures; every table is written as CSV and LaTeX, every chart as SVG.

  biasgan report --runs outputs
  biasgan report --runs 'outputs/realesrgan-*' evaluations --out report
"""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("report", TEXT, ("runs", "out"))
    parser.add_argument(
        "--runs", metavar="RUN", nargs="+", required=True,
        help="folders, searched with their subfolders for evaluation.json, or patterns of such",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=path, default="report",
        help="the folder to write (default: report): report.html, results.csv, tables/ and figures/",
    )  # fmt: skip
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        with importing():
            from biasgan.reporting.report import report
            from biasgan.reporting.search import patterns_in
        file, left_out = report([pattern for word in given.runs for pattern in patterns_in(word)], given.out)
        say(*(f"left out: {reason}" for reason in left_out), file)


if __name__ == "__main__":
    main()
