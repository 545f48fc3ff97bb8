"""All commands by one name: `biasgan enhance photo.jpg`, or `python -m biasgan enhance photo.jpg`."""

import os
import sys
from difflib import get_close_matches
from runpy import run_module

from biasgan import __version__

COMMANDS = {
    "enhance": "restore compressed images",
    "app": "restore them on a page in the browser, and see before and after",
    "train": "train a network that restores compressed images",
    "prepare": "make the pairs of a training ahead of it",
    "evaluate": "measure restored images and their bias towards the compressed ones",
    "report": "gather evaluated runs on one page",
    "reproduce": "take an experiment of the paper from training to report",
    "export": "write a trained generator in a form that others open, or to the Hugging Face Hub",
    "interpolate": "mix two generators",
    "weights": "list, fetch or verify the published weights that features and metrics need",
    "completion": "print what lets a shell complete all of these",
}
"""Modules of this package, which `python -m biasgan.NAME` runs too → what they do."""

HELP = f"""\
usage: biasgan COMMAND ...

Restore compressed images, train what restores them, and measure its bias towards the compressed image.

{"".join(f"  {name:<13}{does}{chr(10)}" for name, does in COMMANDS.items())}
biasgan COMMAND --help says what a command takes, biasgan --version which release this is.
"""


def main() -> None:
    """Run a command from the command line."""
    if "_ARGCOMPLETE" in os.environ:
        from biasgan.completion import complete

        complete(COMMANDS)
    match sys.argv[1:]:
        case [name, *words] if name in COMMANDS:
            sys.argv[1:] = words
            # As the main module, since some of what starts further processes goes by its name.
            run_module(f"biasgan.{name}", run_name="__main__", alter_sys=True)
        case [] | ["-h" | "--help"]:
            sys.stdout.write(HELP)
        case ["--version"]:
            sys.stdout.write(f"biasgan {__version__}\n")
        case words:
            name = words[0]
            near = get_close_matches(name, COMMANDS, n=1)
            known = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}."
            sys.stderr.write(f"biasgan: error: there is no command {name!r}; {known}\n")
            sys.exit(2)


if __name__ == "__main__":
    main()
