"""With which options a training goes on."""

from collections.abc import Sequence
from pathlib import Path

from biasgan.cli.config import with_options
from biasgan.cli.options import path_in
from biasgan.runs.folder import AUTO
from biasgan.runs.resumption import checkpoint_of
from biasgan.runs.weights import read_config


def with_options_of_resumed(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments in Hydra's grammar, with the options of the run that is to be resumed.

    An option that is given again replaces the run's.
    """
    found = ((n, path_in(word)) for n, word in enumerate(arguments) if word.startswith("resume="))
    place, resume = next(found, (0, None))
    if not resume or resume == AUTO:
        return list(arguments)
    # Not from the run folder, where a failed attempt to resume with other options would have left its own.
    return with_options(read_config(checkpoint_of(Path(resume))), arguments, place)
