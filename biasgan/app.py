"""Try models on photographs in the browser: `biasgan app`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.system.imports import importing

TEXT = """
Show a page in the browser: drop a photograph, compress it or take it as it is, and see before and after.

  biasgan app
  biasgan app --model outputs/realesrgan-full-jpeg-20/… generator.safetensors
  biasgan app --host 0.0.0.0 --port 8000      # for all who reach this machine

Nothing leaves this machine, unless --share is given. It needs Gradio: pip install 'biasgan[app]'
"""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("app", TEXT)
    add = parser.add_argument
    models = "run folders, checkpoints, weight files or hf:USER/NAME, to choose from beside the bundled models"
    add("--model", metavar="MODEL", nargs="+", type=path, default=[], help=models)
    add("--host", help="address to listen at (default: 127.0.0.1, this machine alone)")
    add("--port", metavar="N", type=int, help="default: the first free one from 7860 on")
    add("--share", action="store_true", help="have Gradio's servers make the page reachable from anywhere, for a week")
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        try:
            with importing():
                from biasgan.trying.page import serve
        except ModuleNotFoundError as error:
            raise ImportError(f"It needs {error.name}, which is not installed: pip install 'biasgan[app]'") from error
        serve(given.model, given.host, given.port, given.share)


if __name__ == "__main__":
    main()
