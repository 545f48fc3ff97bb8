"""Take an experiment of the paper from training to report: `biasgan reproduce table5`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.system.imports import importing

TEXT = """
Train, evaluate and report an experiment of the paper.

  biasgan reproduce table5                                            # a rehearsal of minutes
  biasgan reproduce table5 -- codec=jpeg                              # the same on JPEG
  biasgan reproduce table5 --metrics paper -- scale=paper data=div2k seed=0,1,2   # the real thing
  biasgan reproduce bias --also flickr2k -- scale=paper data=div2k    # with Flickr2K's half of Tab. 1

Experiments, on BPG unless codec= says otherwise:
  table3      seven fidelity baselines, ESRGAN and Real-ESRGAN without and with both mitigations, on QP 37 or QF 20
  table4      the same on QP 27, 32, 37, 42 and 47, or QF 50, 40, 30, 20 and 10
  table5      ESRGAN and Real-ESRGAN without mitigations, with either, and with both, on QP 37 or QF 20
  bias        ESRGAN and Real-ESRGAN without and with both mitigations, on QP 27, 37 and 47, or QF 50, 30 and 10
  transfer    Real-ESRGAN's game with six networks, transformers among them, without and with both mitigations
  A rehearsal of table4 has a method of each kind on the first four qualities, one of bias the first and the last.

What stands behind -- goes to the training, see biasgan train --help. Give other trainings another --out.
It may be stopped at any moment, and the same command goes on there.
"""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("reproduce", TEXT, ("metrics", "also", "out"), passes_on=True)
    add = parser.add_argument
    add("experiment", metavar="EXPERIMENT", help="one of these")
    add("--metrics", default="fast", help="what is measured, see biasgan evaluate --help (default: fast)")
    add("--also", type=path, help="images on which all is evaluated too: a choice of data, or a folder")
    add(
        "--out", type=path, default="outputs",
        help="where a folder EXPERIMENT-SCALE is made for the runs and their report (default: outputs)",
    )  # fmt: skip
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        with importing():
            from biasgan.sweep.reproduction import reproduce

        reproduce(given.experiment, given.rest, given.metrics, given.out, given.also)


if __name__ == "__main__":
    main()
