"""Options of `evaluate`, with those that the run that is to be evaluated brings."""

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from biasgan.cli.options import path_in
from biasgan.system.imports import importing

QUALITIES = ("quality", "qf", "qp", "ratio")
GIVEN = ("pairs", "streaming")
"""Sets whose images were compressed before."""


def one_for_each_run(arguments: Sequence[str]) -> list[list[str]]:
    """Command-line arguments, once for each of several runs that a multirun names; each brings options of its own.

    Raises:
        ValueError: If several runs are named without -m.
    """
    parser = OverridesParser.create()
    for place, argument in enumerate(arguments):
        if argument.startswith("run="):
            override = parser.parse_override(argument)
            if override.is_sweep_override():
                if not {"-m", "--multirun"} & set(arguments):
                    raise ValueError(f"{argument} names several runs; add -m to evaluate each on its own.")
                runs = override.sweep_string_iterator()
                return [[*arguments[:place], f"run={run}", *arguments[place + 1 :]] for run in runs]
    return [list(arguments)]


def with_options_of_run(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments, and before the run that is to be evaluated its set, codec and quality.

    Whoever gives another codec, quality or set has that instead of the run's.

    Raises:
        CheckpointError: If the run's weights are damaged, or carry no configuration.
        FileNotFoundError: If there are none.
    """
    found = ((n, path_in(argument)) for n, argument in enumerate(arguments) if argument.startswith("run="))
    place, run = next(found, (0, None))
    if not run:
        return list(arguments)
    with importing():
        from biasgan.runs.weights import config_in, generator_file
    config = config_in(generator_file(run)) or {}
    chosen: Mapping[str, str] = config.get("chosen", {})
    given = by_name(arguments)
    names = {name.split(".")[0] for name in given}
    taken: list[str] = []
    parts: set[str] = set()
    if "data" in chosen and "data" not in given:
        taken.append(f"data={chosen['data']}")
        parts |= {"data", "pairs", "original", "compressed"}
    if "codec" in chosen and "codec" not in given and given.get("data", chosen["data"]) not in GIVEN:
        taken.append(f"codec={chosen['codec']}")
        parts.add("codec")
        if not names & set(QUALITIES):
            taken.append(f"quality={config['quality']}")
    options: list[str] = config.get("options", [])
    for option in options:
        name = option.lstrip("+~").partition("=")[0]
        if name.split(".")[0] in parts and name not in ("data", "codec", "pairs") and name not in given:
            taken.append(option)
    return [*arguments[:place], *taken, *arguments[place:]]


def by_name(options: Sequence[str]) -> dict[str, str]:
    """Options of a command by their names."""
    parts = (option.lstrip("+~").partition("=") for option in options)
    return {name: value for name, _, value in parts}
