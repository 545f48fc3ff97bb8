"""Restore compressed images: `biasgan enhance photo.jpg`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, positive, share
from biasgan.inference.enhancement import enhance
from biasgan.inference.photo import FORMATS
from biasgan.inference.plan import plan
from biasgan.system.console import say

TEXT = """
Restore compressed images. The result is written beside each image as NAME-restored.png; the image itself stays.

  biasgan enhance photo.jpg
  biasgan enhance photos -o restored
  biasgan enhance 'photos/**/*.jpg' --strength 0.7 --compare

Grey, 16-bit and transparent images stay so, and colour profiles and EXIF are kept; transparency itself is not restored.
Results that are there are left alone, so that a command that was stopped goes on when it is given again.
Exit status: 0 if all images have their results, 1 if some failed, 2 for a wrong command, 130 after Ctrl-C.
"""
OPTIONS = ("strength", "overwrite", "device", "devices", "nodes", "precision", "tile")
"""Those of `files.restore_files`."""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("enhance", TEXT)
    add = parser.add_argument
    files = "file, folder (with its subfolders) or quoted pattern; all that Pillow reads, and BPG"
    add("inputs", metavar="INPUT", nargs="+", help=files)
    add("-o", "--out", metavar="OUT", help="a folder for the results, or for a single image the file")
    models = "run folder, checkpoint, weight file, hf:USER/NAME, bundled (default) or bundled-pixel"
    add("--model", default="bundled", help=models)
    strength = "from 0, the image as it is, to 1, fully restored (default)"
    add("--strength", metavar="S", type=share, default=1.0, help=strength)
    realism = "of the bundled model: from 0, faithful and soft, to 1, sharp (default)"
    add("--realism", metavar="W", type=share, help=realism)
    add("--compare", action="store_true", help="write before, after and difference side by side too: NAME-compare.png")
    add("--format", choices=FORMATS, help="of the results (default: that of OUT's name, else png)")
    add("--overwrite", action="store_true", help="make results again that are there")
    add("--huge", action="store_true", help="read images of more than 89 megapixels too: if you trust them")
    add = parser.add_argument_group("where it runs").add_argument
    add("--device", default="auto", help="cpu, cuda, cuda:1, mps … (default: a GPU if there is one)")
    several = "how many of each machine; auto (default) takes all its GPUs"
    add("--devices", metavar="N", type=devices, default="auto", help=several)
    add("--nodes", metavar="N", type=positive, default=1, help="machines on which a cluster has started this command")
    add("--precision", choices=("auto", "32", "bf16"), default="auto", help="auto is bf16 where that is fast")
    add("--tile", metavar="N", type=positive, help="side of the tiles in pixels (default: what memory allows)")
    return parser


def devices(text: str) -> int | None:
    """A number of devices, or None for auto."""
    return None if text == "auto" else positive(text)


def main() -> None:
    """Run from the command line."""
    with plain_errors():
        parser = arguments()
        given = parser.read(sys.argv[1:])
        if given.realism is not None and given.model != "bundled":
            mixing = f"biasgan interpolate A B --weight {given.realism:g}"
            parser.error(f"--realism is for the bundled model alone. Mix two of your own with {mixing}")
        try:
            found = plan(given.inputs, given.out, given.format, given.compare, given.overwrite)
        except ValueError as error:
            parser.error(str(error))
        enhanced = enhance(found, given.model, given.realism, given.huge, {name: vars(given)[name] for name in OPTIONS})
        if enhanced:
            say(*enhanced.lines)
            sys.exit(1 if enhanced.failed else 0)


if __name__ == "__main__":
    main()
