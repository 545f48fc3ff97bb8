"""Write a trained generator in a form that others open: `python -m biasgan.export --run RUN --format onnx`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.system.console import say
from biasgan.system.imports import importing

TEXT = """
Write a trained generator in a form that others open, with a model card beside it.

  python -m biasgan.export --run outputs/realesrgan-full-jpeg-20/… --format onnx
  python -m biasgan.export --run bundled --format safetensors --out generator.safetensors

formats:
  safetensors   weights alone; spandrel and chaiNNer open Compact, RRDBNet of growth 32, DnCNN and DCAD of at least 8
                convolutions; the model card says what opens the file
  pth           the same as BasicSR writes them
  onnx          for ONNX Runtime; takes images of any size (pip install 'biasgan[export]')
  torchscript   for torch.jit.load, which PyTorch calls deprecated; takes images of any size

Graphs are compared with the network at three sizes before they are written, weights with what spandrel makes of them.
"""
FORMATS = ("safetensors", "pth", "onnx", "torchscript")


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("export", TEXT, ("run", "format", "out", "licence", "overwrite"))
    add = parser.add_argument
    add("--run", type=path, required=True, help="a run folder, a checkpoint, a weight file, bundled or bundled-pixel")
    add("--format", choices=FORMATS, required=True)
    add("--out", type=path, help="the file to write (default: in a folder named export beside the weights)")
    add("--licence", help="of the weights, for the model card")
    add("--overwrite", action="store_true", help="replace what is there")
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        with importing():
            from biasgan.exporting.formats import export
        say(*export(given.run, given.format, given.out, given.licence, given.overwrite))


if __name__ == "__main__":
    main()
