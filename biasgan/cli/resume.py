"""Which checkpoint a training goes on from, and with which options."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from biasgan.cli.config import AUTO, with_options
from biasgan.cli.options import path_in
from biasgan.runs.folder import RunFolder
from biasgan.runs.weights import CheckpointError, read_checkpoint, read_config


def with_options_of_resumed(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments in Hydra's grammar, with the options of the run that is to be resumed.

    An option that is given again replaces the run's.

    Raises:
        CheckpointError: If the run's checkpoint is damaged.
        FileNotFoundError: If there is none.
    """
    found = ((n, path_in(word)) for n, word in enumerate(arguments) if word.startswith("resume="))
    place, resume = next(found, (0, None))
    if not resume or resume == AUTO:
        return list(arguments)
    # Not from the run folder, where a failed attempt to resume with other options would have left its own.
    return with_options(read_config(checkpoint_of(Path(resume))), arguments, place)


def resumed_checkpoint(resume: str | None, folder: Path, tell: bool) -> Path | None:
    """The checkpoint to go on from, if any.

    Args:
        resume: A run folder, a checkpoint, or `auto`.
        folder: Run folder of the training.
        tell: Whether to say that a damaged checkpoint is passed over.

    Raises:
        CheckpointError: If there are checkpoints, but none that is whole.
        FileNotFoundError: If a run is named that has none.
    """
    if resume == AUTO:
        return newest_whole(folder, tell)
    return checkpoint_of(Path(resume), tell) if resume else None


def checkpoint_of(path: Path, tell: bool = False) -> Path:
    """The checkpoint that `resume` means: the file itself, or the newest one of a run folder that is whole.

    Raises:
        CheckpointError: If there are checkpoints, but none that is whole.
        FileNotFoundError: If there is none.
    """
    file = newest_whole(path, tell) or RunFolder(path).last if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(
            f"resume={path}: {file} does not exist. Give the folder of a run that has a checkpoint, or a checkpoint."
        )
    return file


def newest_whole(run: Path, tell: bool) -> Path | None:
    """The newest checkpoint of a run that is whole; None if the run has none at all.

    Raises:
        CheckpointError: If none is whole; names them.
    """
    reasons: list[str] = []
    folder = RunFolder(run)
    for file in (folder.last, folder.previous, folder.best):
        if not file.is_file():
            continue
        try:
            iteration = read_checkpoint(file).get("global_step")
        except (CheckpointError, OSError) as error:
            reasons.append(str(error))
            continue
        if reasons and tell:
            console = Console(soft_wrap=True, highlight=False, markup=False)
            console.print(*reasons, f"Going on from {file.name}, at iteration {iteration}.", style="yellow")
        return file
    if reasons:
        raise CheckpointError(
            "\n".join([f"No checkpoint of {run} is whole, so it cannot be resumed.", *reasons])
            + "\nTrain anew in another folder, with the options in its config.yaml, or bring a checkpoint back."
        )
    return None
