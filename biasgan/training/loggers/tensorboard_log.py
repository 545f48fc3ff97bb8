from pathlib import Path

from lightning.pytorch.loggers import TensorBoardLogger


def tensorboard_log(save_dir: str | Path, name: str, version: str) -> TensorBoardLogger:
    """A log for TensorBoard, in `save_dir/name/version`.

    Raises:
        ImportError: If TensorBoard is not installed; says what to install.
    """
    try:
        return TensorBoardLogger(save_dir, name, version)
    except ModuleNotFoundError as error:
        raise ImportError(
            "logger=tensorboard needs TensorBoard, which is not installed: pip install 'biasgan[tensorboard]'"
        ) from error
