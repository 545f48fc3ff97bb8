from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biasgan.evaluation.result import SIDES, Evaluation
from biasgan.evaluation.tables import Line
from biasgan.io.images import read_image
from biasgan.training.loggers.wandb_log import WandbLog, kept_id


def log_to_wandb(evaluation: Evaluation, rows: Sequence[Line]) -> None:
    """Log numbers, the table of the images and pictures to the W&B run of a training; nothing if there is none.

    Args:
        evaluation: What was found.
        rows: One for each image.
    """
    run = Path(evaluation.subject.path)
    if evaluation.subject.kind != "run" or not kept_id(run):
        return
    # Seconds that only such runs take.
    import wandb

    node: dict[str, Any] = evaluation.config.get("logger", {}).get("wandb", {})
    log = WandbLog(run, **{key: value for key, value in node.items() if key not in ("_target_", "folder", "id")})
    folder, realism = evaluation.file.parent, evaluation.realism
    values: dict[str, Any] = {
        **{f"{name}_{side}": getattr(one, side) for name, one in evaluation.metrics.items() for side in SIDES},
        **{f"deviation_{name}": triangle.deviation for name, triangle in evaluation.triangles.items()},
        **{f"realism_{name}": getattr(realism, name, None) for name in ("original", *reversed(SIDES))},
        "bits_per_pixel": evaluation.bits_per_pixel.mean,
        "images": wandb.Table(columns=list(rows[0]), data=[list(row.values()) for row in rows]),
        "disparity": wandb.Image(str(folder / "disparity.png")),
        **{
            f"{drawn}_{picture['name']}": wandb.Image(read_image(folder / picture[drawn]))
            for picture in evaluation.pictures
            for drawn in ("residual", "realism")
            if drawn in picture
        },
    }
    prefix = f"evaluation {evaluation.set.name} {evaluation.codec} {evaluation.quality}"
    iteration: int = evaluation.training.get("iterations", evaluation.config["iterations"])
    log.log_metrics({f"{prefix}/{key}": value for key, value in values.items() if value is not None}, iteration)
    log.finalize("success")
