import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from biasgan.io.files import atomic_write
from biasgan.io.moved import as_now

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
CONFIG = "config.yaml"
EVALUATION = "evaluation.json"
PIXEL_STAGE = "pixel-stage-"
"""Start of the folders in which a sweep trains what several of its runs share."""
AUTO = "auto"
"""Value of `resume`: go on if the run folder has a checkpoint, else start."""


class RunFolder:
    """The files of a run by name, none of which need be there.

    Args:
        path: The folder.

    Attributes:
        config: The resolved configuration, from when the training begins.
        log: Loss terms and figures of the validations, by iteration.
        throughput: How fast it went, by iteration.
        curves: Picture of the log.
        preview: Picture of some validation images.
        checkpoints: Folder of the checkpoints.
        last: The newest checkpoint.
        previous: The one that it took the place of.
        best: The one of the best validation.
        generator: Weights that a finished training leaves, averaged.
        discriminator: Its weights, where there was one.
        summary: What was trained and what came out; written last of all.
        evaluation: What an evaluation on the run's own images found.
        job_log: What the processes of a sweep's job print, over all attempts.
        wandb_id: The id of the run at Weights & Biases.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / CONFIG
        self.log = self.path / "log.csv"
        self.throughput = self.path / "throughput.csv"
        self.curves = self.path / "curves.png"
        self.preview = self.path / "preview.png"
        self.checkpoints = self.path / "checkpoints"
        self.last = self.checkpoints / LAST
        self.previous = self.checkpoints / PREVIOUS
        self.best = self.checkpoints / BEST
        self.generator = self.path / "generator.safetensors"
        self.discriminator = self.path / "discriminator.safetensors"
        self.summary = self.path / "summary.json"
        self.evaluation = self.path / EVALUATION
        self.job_log = self.path / "job.log"
        self.wandb_id = self.path / "wandb_id"

    @property
    def is_begun(self) -> bool:
        """Whether a training has begun here."""
        return self.config.is_file() or self.log.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether a training has come to its end here."""
        return self.summary.is_file()

    def read_config(self) -> dict[str, Any]:
        """The resolved configuration, with the names that classes have now; empty where there is none to be read."""
        # Only here, and where it is written: to restore needs none of it.
        import yaml

        try:
            content = as_now(yaml.safe_load(self.config.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError):
            return {}
        return cast(dict[str, Any], content) if isinstance(content, dict) else {}

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the resolved configuration, in plain containers."""
        import yaml

        write_text(self.config, yaml.safe_dump(dict(config), sort_keys=False))

    def read_summary(self) -> dict[str, Any]:
        """The summary; empty while there is none.

        Raises:
            ValueError: If it is damaged.
        """
        if not self.is_finished:
            return {}
        try:
            return json.loads(self.summary.read_text())
        except ValueError as error:
            raise ValueError(f"{self.summary} is no readable summary: {error}") from error

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary."""
        write_text(self.summary, json.dumps(summary, indent=2) + "\n")

    def remove_results(self) -> None:
        """Remove what the end of a training leaves, since one goes on: it is of another iteration from then on."""
        for file in (self.summary, self.generator, self.discriminator):
            file.unlink(missing_ok=True)


def runs_in(folder: Path) -> Iterator[RunFolder]:
    """The runs in a folder and its subfolders, in the order of their names."""
    return (RunFolder(file.parent) for file in sorted(folder.rglob(CONFIG)))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of nested tables, as a configuration or a summary, by the names on the way to them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}  # pyright: ignore[reportUnknownArgumentType]
        found |= inner
    return found


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
