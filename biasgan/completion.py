"""What lets a shell complete all commands: `eval "$(biasgan completion bash)"`."""

import io
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, cast

from argcomplete.finders import CompletionFinder
from argcomplete.shell_integration import shellcode

from biasgan.cli.errors import plain_errors
from biasgan.cli.parser import Parser

TEXT = """
Print what lets a shell complete commands, their options and the values of these. For every new shell:

  bash   echo 'eval "$(biasgan completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(biasgan completion zsh)"' >> ~/.zshrc       (below compinit)
  fish   biasgan completion fish > ~/.config/fish/completions/biasgan.fish
"""


def arguments() -> Parser:
    """What the command takes."""
    parser = Parser("completion", TEXT)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


def complete(commands: Mapping[str, str]) -> None:
    """Answer the shell that has started this process how its line may go on, and end the process.

    Args:
        commands: Modules of this package → what they do. Only that on the line is imported.
    """
    parser = ArgumentParser("biasgan")
    subparsers = parser.add_subparsers()
    begun = os.environ["COMP_LINE"].split()[1:2]
    for name, does in commands.items():
        own = [arguments_of(name)] if [name] == begun else []
        subparsers.add_parser(name, help=does, parents=own, add_help=not own)
    # Behind most of Hydra's words comes more of them.
    CompletionFinder()(parser, append_space="hydra" not in sys.modules)


def arguments_of(command: str) -> ArgumentParser:
    """What a command takes; options of Hydra's are completed by Hydra."""
    module = import_module(f"biasgan.{command}")
    if hasattr(module, "arguments"):
        return module.arguments()
    parser = ArgumentParser()
    options = parser.add_argument("options", nargs="*")
    cast(Any, options).completer = hydra_completer(command, module.main)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("--config-dir")
    return parser


def hydra_completer(command: str, main: Callable[[], None]) -> Callable[..., list[str]]:
    """What gives the options of a command that is Hydra's which begin like one that is being written."""

    def completer(prefix: str, **about: object) -> list[str]:
        os.environ["COMP_LINE"] = f"{command} {prefix}"
        sys.argv[1:] = ["--shell-completion", "query=bash"]
        with redirect_stdout(io.StringIO()) as answer:
            main()
        return answer.getvalue().split()

    return completer


def main() -> None:
    """Run from the command line."""
    given = arguments().read(sys.argv[1:])
    with plain_errors():
        sys.stdout.write(shellcode(["biasgan"], shell=given.shell))


if __name__ == "__main__":
    main()
