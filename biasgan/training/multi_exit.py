from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

from biasgan.data.datamodule import RestorationData
from biasgan.data.dataset import Pair
from biasgan.data.pairs.entry import Entry
from biasgan.losses.multi_exit import WEIGHTS, exit_weights, multi_exit_loss
from biasgan.networks.rbqe import RBQE
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.system.memory import release_freed_memory
from biasgan.training.fidelity import FidelityRestoration, OptimizerFactory, mean_psnr
from biasgan.training.schedule import Schedule

EXITS = len(WEIGHTS[0])


class MultiExitRestoration(FidelityRestoration):
    """Train all exits of RBQE on images of mixed qualities, so that it restores as deeply as an image needs.

    Of each image every exit is compared with the original, with weights that depend on the image's quality. In
    validation the last exit counts, as for all others; the PSNR of the others is reported as `valid/psnr_exit_…`.

    Args:
        generator: RBQE with five exits.
        optimizer: As in `FidelityRestoration`, and so are all others.
        schedule: Learning rate over the training.
        iterations: All iterations of the training.
        metrics: Computed on whole validation images.
        features: Frozen feature network.
        accumulate: Parts that a batch is cut into.
        clip_gradients: Largest gradient norm, or None.
        log_every: As in `FidelityRestoration`.

    Raises:
        ValueError: If the generator is another; when a training begins, if the quality of an image is not known.
    """

    def __init__(
        self,
        generator: nn.Module,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        iterations: int,
        metrics: MetricCollection,
        features: VGGFeatures,
        accumulate: int = 1,
        clip_gradients: float | None = None,
        log_every: int | None = None,
    ) -> None:
        if not isinstance(generator, RBQE) or len(generator.outs) != EXITS:
            exits = f" with exits={len(generator.outs)}" if isinstance(generator, RBQE) else ""
            raise ValueError(
                f"A training of all exits needs generator=rbqe_blind or another RBQE with generator.exits={EXITS}, got "
                f"{type(generator).__name__}{exits}. Set one of these, or choose another baseline."
            )
        super().__init__(
            generator, optimizer, schedule, iterations, metrics, features, accumulate, clip_gradients, log_every
        )
        self.earlier_psnr = nn.ModuleList(mean_psnr() for _ in range(EXITS - 1))

    @property
    def rbqe(self) -> RBQE:
        """The generator."""
        return cast(RBQE, self.generator)

    @property
    def psnr_of_exits(self) -> Sequence[PeakSignalNoiseRatio]:
        """A metric for each exit but the last."""
        return cast(Sequence[PeakSignalNoiseRatio], self.earlier_psnr)

    def on_fit_start(self) -> None:
        """Look up the weights of exits for every image to train with.

        Raises:
            ValueError: If its quality is not known, or the weights for that codec.
        """
        data = cast(RestorationData, self.trainer.datamodule)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - set where pyright does not look
        codec = str(data.source.identity["codec"])
        self.exit_weights = exit_weights(qualities(data.train_entries), codec).to(self.device)

    def loss_of(self, part: Pair) -> Tensor:
        """The weighted loss of all exits."""
        return multi_exit_loss(self.rbqe.exit_images(part.compressed), part.original, self.exit_weights[part.index])

    def validation_step(self, batch: Pair, batch_idx: int) -> dict[str, Tensor] | None:
        """Restore one whole image once and measure the image of each exit, the last as all trainings do."""
        if not self.owns(batch):
            return None
        release_freed_memory()
        *earlier, last = self.rbqe.exit_images(batch.compressed)
        for psnr, restored in zip(self.psnr_of_exits, earlier, strict=True):
            psnr.update(restored.float().clamp(0, 1).mul(255).round().div(255), batch.original)
        return self.measured(last, batch)

    def on_validation_epoch_end(self) -> None:
        """Report the means of the earlier exits too."""
        super().on_validation_epoch_end()
        means = {f"valid/psnr_exit_{exit}": float(psnr.compute()) for exit, psnr in enumerate(self.psnr_of_exits, 1)}
        self.report(means)
        for psnr in self.psnr_of_exits:
            psnr.reset()


def qualities(entries: Sequence[Entry]) -> list[int]:
    """The quality of each image.

    Raises:
        ValueError: If one is not known.
    """
    known = [entry.quality for entry in entries if entry.quality is not None]
    if len(known) < len(entries):
        raise ValueError(
            f"A training of all exits weighs them by the quality of each image, and that of "
            f"{len(entries) - len(known)} of {len(entries)} images is not known. Let pairs be made by a codec, such as "
            "codec=jpeg_blind, or train one exit alone with baseline=rbqe."
        )
    return known
