"""The checkpoint that a training goes on from: the newest that is whole, which is told where it is not the last."""

from pathlib import Path

from biasgan.runs.folder import AUTO, RunFolder
from biasgan.runs.weights import CheckpointError, read_checkpoint
from biasgan.system.console import say


def resumed_checkpoint(resume: str | None, run: RunFolder, tell: bool) -> Path | None:
    """The checkpoint to go on from, if any.

    Args:
        resume: A run folder, a checkpoint, or `auto`.
        run: The training's own.
        tell: Whether to say that a damaged checkpoint is passed over.

    Raises:
        CheckpointError: If there are checkpoints, but none that is whole.
        FileNotFoundError: If a run is named that has none.
    """
    if resume == AUTO:
        return newest_whole(run, tell)
    return checkpoint_of(Path(resume), tell) if resume else None


def checkpoint_of(path: Path, tell: bool = False) -> Path:
    """The checkpoint that a path means: the file itself, or the newest one of a run folder that is whole.

    Raises:
        CheckpointError: If there are checkpoints, but none that is whole.
        FileNotFoundError: If there is none.
    """
    run = RunFolder(path)
    file = newest_whole(run, tell) or run.last if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(
            f"resume={path}: {file} does not exist. Give the folder of a run that has a checkpoint, or a checkpoint."
        )
    return file


def newest_whole(run: RunFolder, tell: bool) -> Path | None:
    """The newest checkpoint of a run that is whole; None if the run has none at all.

    Raises:
        CheckpointError: If none is whole; names them.
    """
    reasons: list[str] = []
    for file in (file for file in (run.last, run.previous, run.best) if file.is_file()):
        try:
            iteration = read_checkpoint(file).get("global_step")
        except (CheckpointError, OSError) as error:
            reasons.append(str(error))
            continue
        if reasons and tell:
            say(*reasons, f"Going on from {file.name}, at iteration {iteration}.", style="yellow")
        return file
    if reasons:
        raise CheckpointError(
            "\n".join([f"No checkpoint of {run.path} is whole, so it cannot be resumed.", *reasons])
            + "\nTrain anew in another folder, with the options in its config.yaml, or bring a checkpoint back."
        )
    return None
