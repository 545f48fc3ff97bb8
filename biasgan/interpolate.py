"""Mix two generators: `biasgan interpolate bundled-pixel bundled --weight 0.8`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path, share
from biasgan.system.console import say
from biasgan.system.imports import importing

TEXT = """
Mix the weights of two generators of the same architecture, say one that was trained with the pixel loss alone (A) and
what an adversarial training made of it (B): the mixture lies between them in fidelity and in sharpness.

  biasgan interpolate bundled-pixel bundled --weight 0.8
  biasgan interpolate RUN_A RUN_B --weight 0.5 --out between.safetensors

A model card goes beside the file.
"""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("interpolate", TEXT, ("weight", "out", "licence", "overwrite"))
    add = parser.add_argument
    add("a", metavar="A", type=path, help="run folder, checkpoint, weight file, hf:USER/NAME, bundled or bundled-pixel")
    add("b", metavar="B", type=path, help="such another")
    add("--weight", type=share, required=True, help="of B, from 0, which gives A, to 1, which gives B")
    add("--out", type=path, help="the file to write (default: mixed-WEIGHT.safetensors in this folder)")
    add("--licence", help="of the mixture, for the model card")
    add("--overwrite", action="store_true", help="replace what is there")
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        with importing():
            from biasgan.exporting.mixture import mix
        say(*mix(given.a, given.b, given.weight, given.out, given.licence, given.overwrite))


if __name__ == "__main__":
    main()
