"""Write a trained generator in a form that others open: `biasgan export --run RUN --format onnx`."""

import sys

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser, path
from biasgan.system.console import say
from biasgan.system.imports import importing

TEXT = """
Write a trained generator in a form that others open, with a model card beside it, or to the Hugging Face Hub.

  biasgan export --run outputs/realesrgan-full-jpeg-20/… --format onnx
  biasgan export --run bundled --format safetensors --out generator.safetensors
  biasgan export --run RUN --to hf:USER/NAME --licence cc-by-4.0      (pip install 'biasgan[hub]')

formats:
  safetensors   weights alone; spandrel and chaiNNer open Compact, RRDBNet of growth 32, DnCNN and DCAD of at least 8
                convolutions; the model card says what opens the file
  pth           the same as BasicSR writes them
  onnx          for ONNX Runtime; takes images of any size (pip install 'biasgan[export]')
  torchscript   for torch.jit.load, which PyTorch calls deprecated; takes images of any size

To the hub go the weights with their configuration, which names the folders of its run too.
Graphs are compared with the network at three sizes before they are written, weights with what spandrel makes of them.
"""
FORMATS = ("safetensors", "pth", "onnx", "torchscript")


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("export", TEXT, ("run", "format", "out", "licence", "overwrite"))
    add = parser.add_argument
    runs = "a run folder, a checkpoint, a weight file, hf:USER/NAME, bundled or bundled-pixel"
    add("--run", type=path, required=True, help=runs)
    add("--format", choices=FORMATS)
    add("--out", type=path, help="the file to write (default: in a folder named export beside the weights)")
    to = "instead of a file: a repository of the hub, made if it is not there; its @REVISION is a branch"
    add("--to", metavar="hf:USER/NAME", help=to)
    add("--licence", help="of the weights, for the model card")
    add("--overwrite", action="store_true", help="replace what is there")
    return parser


def main() -> None:
    """Run from the command line."""
    parser = arguments()
    given = parser.read(sys.argv[1:])
    if bool(given.format) == bool(given.to):
        parser.error("give either --format, for a file, or --to, for the hub")
    with plain_errors():
        with importing():
            from biasgan.exporting.formats import export
            from biasgan.exporting.hub import upload
        if given.to:
            say(upload(given.run, given.to, given.licence))
        else:
            say(*export(given.run, given.format, given.out, given.licence, given.overwrite))


if __name__ == "__main__":
    main()
