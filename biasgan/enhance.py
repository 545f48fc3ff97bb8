"""Restore compressed images: `python -m biasgan.enhance photo.jpg`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console

from biasgan.cli.errors import plain_errors
from biasgan.inference.photo import FORMAT_OF, FORMATS
from biasgan.inference.plan import Plan, plan, writable
from biasgan.system.imports import importing

DESCRIPTION = """
Restore compressed images. The result is written beside each image as NAME-restored.png; the image itself stays.

  python -m biasgan.enhance photo.jpg
  python -m biasgan.enhance photos -o restored
  python -m biasgan.enhance 'photos/**/*.jpg' --strength 0.7 --compare
"""
EPILOGUE = """
Grey, 16-bit and transparent images stay so, and colour profiles and EXIF are kept; transparency itself is not restored.
Results that are there are left alone, so that a command that was stopped goes on when it is given again.
Exit status: 0 if all images have their results, 1 if some failed, 2 for a wrong command, 130 after Ctrl-C.
"""


def arguments() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog="python -m biasgan.enhance",
        description=DESCRIPTION,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "inputs", metavar="INPUT", nargs="+",
        help="file, folder (with its subfolders) or quoted pattern; all that Pillow reads, and BPG",
    )  # fmt: skip
    add("-o", "--out", metavar="OUT", help="a folder for the results, or for a single image the file")
    add("--model", default="bundled", help="run folder, checkpoint, weight file, bundled (default) or bundled-pixel")
    add(
        "--strength", metavar="S", type=share, default=1.0,
        help="from 0, the image as it is, to 1, fully restored (default)",
    )  # fmt: skip
    add(
        "--realism", metavar="W", type=share,
        help="of the bundled model: from 0, faithful and soft, to 1, sharp (default)",
    )  # fmt: skip
    add("--compare", action="store_true", help="write before, after and difference side by side too: NAME-compare.png")
    add("--format", choices=FORMATS, help="of the results (default: that of OUT's name, else png)")
    add("--overwrite", action="store_true", help="make results again that are there")
    add("--huge", action="store_true", help="read images of more than 89 megapixels too: if you trust them")
    machine = parser.add_argument_group("where it runs")
    add = machine.add_argument
    add("--device", default="auto", help="cpu, cuda, cuda:1, mps … (default: a GPU if there is one)")
    add(
        "--devices", metavar="N", type=devices, default="auto",
        help="how many of each machine; auto (default) takes all its GPUs",
    )  # fmt: skip
    add("--nodes", metavar="N", type=positive, default=1, help="machines on which a cluster has started this command")
    add("--precision", choices=("auto", "32", "bf16"), default="auto", help="auto is bf16 where that is fast")
    add("--tile", metavar="N", type=positive, help="side of the tiles in pixels (default: what memory allows)")
    return parser


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1; got {text}")
    return number


def positive(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {text}")
    return number


def devices(text: str) -> int | None:
    """A number of devices, or None for auto."""
    return None if text == "auto" else positive(text)


def enhance(words: Sequence[str]) -> int:
    """Run the command and give its exit status.

    Args:
        words: What stands behind the command.

    Raises:
        SystemExit: With status 2 if they are no such command, with 0 for --help.
    """
    parser = arguments()
    given = parser.parse_args(words)
    if given.realism is not None and given.model != "bundled":
        parser.error(
            f"--realism mixes the bundled model with what it was before its adversarial stage; {given.model} brings no "
            f"such twin. Mix two of your own with python -m biasgan.interpolate A B --weight {given.realism:g}"
        )
    try:
        found = plan(given.inputs, given.out, extension_of(given.out, given.format), given.compare, given.overwrite)
    except ValueError as error:
        parser.error(str(error))
    jobs, unwritable = writable(found.jobs)
    restored, failures, notes = 0, [*found.missing, *unwritable], list[str]()
    if given.huge:
        Image.MAX_IMAGE_PIXELS = None
    if jobs:
        # Only now, so that what is wrong with the command is said at once.
        with importing():
            from biasgan.inference.early_exit import EarlyExitRBQE
            from biasgan.inference.load import load_model
            from biasgan.inference.predict import restore_files

        model = load_model(given.model, given.realism)
        outcomes = restore_files(
            jobs,
            model,
            strength=given.strength,
            overwrite=given.overwrite,
            device=given.device,
            devices=given.devices,
            nodes=given.nodes,
            precision=given.precision,
            tile=given.tile,
        )
        if outcomes is None:
            return 0
        failures += [outcome.error for outcome in outcomes if outcome.error]
        restored = sum(outcome.error is None for outcome in outcomes)
        notes += [f"{outcome.source}: {'; '.join(outcome.remarks)}" for outcome in outcomes if outcome.remarks]
        if len(jobs) == restored == 1 and not (failures or found.there):
            notes += [str(path) for path in jobs[0][1:] if path]
        if isinstance(model, EarlyExitRBQE):
            notes.append(model.summary)
    report(found, restored, notes, failures)
    return 1 if failures else 0


def extension_of(out: str | None, format: str | None) -> str:
    """Of the results.

    Raises:
        ValueError: If the name of the output has another than that of the format.
    """
    named = FORMAT_OF.get(Path(out).suffix.lower()) if out and not Path(out).is_dir() else None
    if named and format not in (None, named):
        raise ValueError(f"{out} is {named}, and --format says {format}; leave one of them out.")
    return f".{format or named or 'png'}"


def report(found: Plan, restored: int, notes: Sequence[str], failures: Sequence[str]) -> None:
    """Print what was done; the last line tells all of it."""
    failed = len(failures)
    counts = [f"{restored} restored"]
    if found.there:
        counts.append(f"{found.there} already there")
    if found.results:
        counts.append(f"{found.results} results of earlier commands left out")
    counts += [f"{words} left out" for words in found.left_out]
    if failed == 1:
        counts.append(f"1 failed: {failures[0].rstrip('.')}")
    elif failed:
        counts.append(f"{failed} failed")
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    for line in notes:
        say(line)
    for line in failures if failed > 1 else ():
        say(f"failed: {line}")
    say(", ".join(counts))


def main() -> None:
    """Run from the command line."""
    with plain_errors():
        sys.exit(enhance(sys.argv[1:]))


if __name__ == "__main__":
    main()
