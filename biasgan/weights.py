"""Published weights, which nothing but this command fetches: `biasgan weights list`."""

import sys

import yaml

from biasgan.cli.config import CONF
from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser
from biasgan.io.published import chosen, fetch, show, verify

COMMANDS = {"list": show, "fetch": fetch, "verify": verify}


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("weights", "Weights that features and metrics need.")
    parser.add_argument("command", choices=COMMANDS, help="show all, bring what is missing, or look for damage")
    parser.add_argument(
        "names", nargs="*", help="files, metrics such as lpips, suites such as paper, or vgg19; by default all files"
    )
    return parser


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        files = chosen(given.names, suites())
        if given.command == "fetch" and not given.names:
            raise ValueError(f"Name what to fetch: {', '.join(suites())}, vgg19, a metric or a file.")
        sys.exit(COMMANDS[given.command](files))


def suites() -> dict[str, list[str]]:
    """Name of each suite in conf/metrics → its metrics."""
    files = sorted((CONF / "metrics").glob("*.yaml"))
    return {file.stem: list(yaml.safe_load(file.read_text())["metrics"]) for file in files}


if __name__ == "__main__":
    main()
