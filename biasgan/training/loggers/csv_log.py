import csv
import os
from argparse import Namespace
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from biasgan.io.files import atomic_write
from biasgan.runs.log import read_log


class CSVLog(Logger):
    """Append a row for each set of values that is logged: the iteration, the values, empty cells for the rest.

    Columns are added as new names come. Resumed, the log is cut at the iteration that the checkpoint was made at, so
    that nothing stands in it twice.

    Args:
        path: The file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self.columns: list[str] = []

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def version(self) -> str:
        """Always empty: a run folder has one log."""
        return ""

    @rank_zero_only
    def start(self, iteration: int) -> None:
        """Keep the rows up to an iteration; 0 empties the log."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.write([row for row in read_log(self.path) if row["iteration"] <= iteration])

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append the values of an iteration.

        Raises:
            OSError: If the disk is full, or the folder read-only or gone.
        """
        row = {"iteration": step or 0, **metrics}
        if not set(row) <= set(self.columns):
            self.write([*read_log(self.path), row])
            return
        # Not `a`, which would begin a log that is gone anew, without its head.
        with plainly(self.path), self.path.open("r+", newline="") as file:
            file.seek(0, os.SEEK_END)
            csv.DictWriter(file, self.columns).writerow(row)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Nothing: the run folder has config.yaml."""

    def write(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write the log anew with all columns that its rows have."""
        self.columns = list(dict.fromkeys(["iteration", *(name for row in rows for name in row)]))
        with plainly(self.path), atomic_write(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows({**row, "iteration": int(row["iteration"])} for row in rows)


@contextmanager
def plainly(path: Path) -> Generator[None]:
    """Say what a log that cannot be written means for its training."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"The log {path} could not be written, so the training ends; its last checkpoint stays. Make room, or "
            f"bring the folder back, and resume. The system says: {error.strerror or error}"
        ) from error
