from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from biasgan.analysis.training_figure import run_figure
from biasgan.training.callbacks.bias_monitor import BiasMonitor
from biasgan.training.callbacks.pictures import Curves, Previews, draw
from biasgan.training.loggers.csv_log import CSVLog
from biasgan.training.loggers.wandb_log import WandbLog

from .conftest import LAYERS, MakePairs, make_gan, make_trainer


def test_a_run_draws_its_pictures(make_pairs: MakePairs, tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "log.csv")
    previews, curves = Previews(tmp_path / "preview.png"), Curves(log.path, tmp_path / "curves.png")
    callbacks = (BiasMonitor(LAYERS, 32), previews, curves)
    gan = make_gan(iterations=4, pretrain_iterations=2)
    make_trainer(*callbacks, loggers=(log,), max_steps=4, validate_every=2).fit(
        gan, datamodule=make_pairs(iterations=4)
    )
    for name in ("preview.png", "curves.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 200
            assert np.asarray(picture.convert("L")).std() > 10
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "preview.png", "curves.png", "store"}


def test_panels_show_their_crops() -> None:
    """Flat crops: each panel's colour is the crop's, and the differences are six times the difference."""
    colors = {"compressed": 0.2, "restored": 0.25, "original": 0.3}
    picture = draw([{name: torch.full((3, 16, 16), value) for name, value in colors.items()}], "")
    height, width = picture.shape[:2]
    shown = [picture[int(height * 0.6), int(width * (panel + 0.5) / 5), 0] / 255 for panel in range(5)]
    assert shown == pytest.approx([0.2, 0.25, 0.3, 6 * 0.05, 6 * 0.1], abs=0.01)


def test_curves_show_each_value_that_was_logged() -> None:
    rows = [
        {"iteration": 1.0, "generator/pixel": 0.1},
        {"iteration": 2.0, "generator/pixel": 0.05, "discriminator/original": 0.7},
        {"iteration": 2.0, "valid/psnr": 30.0, "valid/compressed_psnr": 29.0},
        {"iteration": 2.0, "bias/realism_original": 0.9, "bias/realism_compressed": 0.95},
    ]
    losses, fidelity, bias = run_figure(rows, pixel_stage=1).axes
    labels = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (losses, fidelity, bias)]  # pyright: ignore[reportOptionalMemberAccess]
    assert labels == [
        ["generator pixel", "discriminator original", "pixel stage"],
        ["restored", "compressed", "pixel stage"],
        ["original", "compressed", "pixel stage"],
    ]
    assert losses.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.05]]  # pyright: ignore[reportAttributeAccessIssue]


def test_wandb_keeps_values_by_iteration_and_pictures_bright(make_pairs: MakePairs, tmp_path: Path) -> None:
    run = tmp_path / "run"
    wandb_log = WandbLog(run)
    gan = make_gan(iterations=2)
    trainer = make_trainer(Previews(run / "preview.png"), loggers=(wandb_log,), max_steps=2, validate_every=2)
    trainer.fit(gan, datamodule=make_pairs(iterations=2))
    assert wandb_log.run is None, "the run was left open"
    (folder,) = (run / "wandb").glob("offline-run-*")
    (stored,) = folder.glob("files/media/images/valid/preview_*.png")
    with Image.open(stored) as one, Image.open(run / "preview.png") as other:
        assert np.array_equal(np.asarray(one.convert("RGB")), np.asarray(other.convert("RGB")))


def test_wandb_finishes_a_failed_run_as_failed(make_pairs: MakePairs, tmp_path: Path) -> None:
    wandb_log = WandbLog(tmp_path / "run")
    gan = make_gan(iterations=2)
    with torch.no_grad():
        next(gan.generator.parameters()).fill_(float("nan"))
    finished: list[int | None] = []
    run = wandb_log.start()
    finish = run.finish
    run.finish = lambda exit_code=None: (finished.append(exit_code), finish(exit_code=exit_code))  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ArithmeticError):
        make_trainer(loggers=(wandb_log,), max_steps=2).fit(gan, datamodule=make_pairs(iterations=2))
    assert finished == [1]
