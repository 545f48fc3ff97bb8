from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from biasgan.runs.log import read_log
from biasgan.training.callbacks.picture import picture_write
from biasgan.training.gan import RestorationGAN


class Curves(Callback):
    """Draw `curves.png` from the log at every validation: loss terms, PSNR, realism.

    Args:
        log: The CSV log.
        path: The picture.
    """

    def __init__(self, log: str | Path, path: str | Path) -> None:
        self.log_path = Path(log)
        self.path = Path(path)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what the log holds so far."""
        rows = read_log(self.log_path) if trainer.is_global_zero else []
        if rows:
            pretrain = pl_module.pretrain_iterations if isinstance(pl_module, RestorationGAN) else 0
            figure = draw(rows, pretrain)
            with picture_write(self.path) as temporary:
                FigureCanvasAgg(figure).print_png(temporary)  # pyright: ignore[reportUnknownMemberType] - partial stubs


def draw(rows: Sequence[dict[str, float]], pretrain_iterations: int) -> Figure:
    """Draw the curves of a run.

    Args:
        rows: Logged values, each with its `iteration`.
        pretrain_iterations: End of the pixel stage, shaded; 0 for none.
    """
    figure = Figure(figsize=(13, 3.8), dpi=110)
    losses, fidelity, bias = figure.subplots(1, 3)
    # To have Matplotlib find margins, and heights for titles, would take as long as all else.
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.13, top=0.92, wspace=0.15)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        if name.startswith(("generator/", "discriminator/")):
            plot(losses, rows, name, name.replace("/", " "), style="-")
    losses.set_yscale("log")
    losses.set_title("loss terms, weighted", y=1)
    plot(fidelity, rows, "valid/psnr", "restored", style="o-")
    plot(fidelity, rows, "valid/compressed_psnr", "compressed", style="--")
    fidelity.set_title("PSNR on validation images, dB", y=1)
    for candidate in ("original", "restored", "compressed"):
        plot(bias, rows, f"bias/realism_{candidate}", candidate, style="o-")
    bias.set_ylim(0, 1)
    bias.set_title("realism given by the discriminator", y=1)
    for axes in (losses, fidelity, bias):
        axes.set_xlabel("iteration")
        if pretrain_iterations:
            axes.axvspan(0, pretrain_iterations, color="0.93", label="pixel stage", zorder=0)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    return figure


def plot(axes: Axes, rows: Sequence[dict[str, float]], name: str, label: str, style: str) -> None:
    """Plot one logged value over the iterations, if it was ever logged."""
    points = [(row["iteration"], row[name]) for row in rows if name in row]
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, style, label=label, markersize=3)  # pyright: ignore[reportUnknownMemberType] - partial stubs
