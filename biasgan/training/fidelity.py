import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import ceil, isfinite
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import Strategy
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam, Optimizer
from torchmetrics import MetricCollection
from torchmetrics.image import PeakSignalNoiseRatio

from biasgan.data.dataset import Pair, as_pair, check_images
from biasgan.losses.pixel import PixelLoss, pixel_loss
from biasgan.networks.any_size import restore
from biasgan.networks.vgg_features import Features, VGGFeatures
from biasgan.system.console import ignore_wrong_warnings
from biasgan.system.memory import release_freed_memory
from biasgan.training.agreement import check_length, check_precision, planned_iterations
from biasgan.training.numbers import check_parts
from biasgan.training.realesrgan import LAYERS, usual_features
from biasgan.training.schedule import Cosine, Schedule
from biasgan.training.stage import Stage

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]

MOST_ENTRIES = 5000
"""Of the loss terms of a training in its log: as many as a chart can show."""

ADAM = partial(Adam, betas=(0.9, 0.999), fused=True)
"""The optimiser that powerqe trains with."""

COSINE = Cosine(1e-4)
"""Its learning rate."""


class NonFiniteLossError(ArithmeticError):
    """A loss term is NaN or infinite; the weights have not been touched by it."""


class FidelityRestoration(LightningModule):
    """Train a generator with the pixel loss alone, as the fidelity-oriented baselines do.

    One batch is one iteration everywhere: in `trainer.max_steps`, checkpoints, schedules, moving averages and logs.
    A schedule is a function of the share of the training that is done, so nothing has to be remembered to resume; a
    training that goes on for longer than it was laid out for keeps its last rate.

    Args:
        generator: Compressed → restored, (N, 3, H, W) in [0, 1]; validation pads to the sizes that it takes.
        optimizer: Makes an optimiser of parameters; its learning rate is set anew for every iteration.
        schedule: Learning rate over the training.
        iterations: Over which the training is laid out, as it is begun; how many it has in the end the Trainer knows.
            None for as many as the Trainer is to do.
        metrics: Computed on whole validation images after rounding to 8 bits; called with (image, original). PSNR
            where there are none.
        features: Frozen feature network for the distances that are watched while training; kept out of checkpoints.
            By default `usual_features`, once something asks for them.
        accumulate: Parts that a batch is cut into, one after the other, to save memory. The gradient is the batch's
            (but for batch statistics), and an iteration stays one batch.
        clip_gradients: Largest gradient norm, or None.
        log_every: Iterations between two log entries of the loss terms; by default 10, and more in a long training,
            so that it has at most 5,000 entries.
        loss: The pixel loss.

    Attributes:
        goes_on: Whether more iterations than it is laid out for are meant, from the first on: a new training of one
            that was resumed for longer.
        latest: Newest value of everything that was reported, by name.
        reported: In which iteration that was.

    Raises:
        ValueError: If a number is out of its range.

    Examples:
        >>> import torch
        >>> from biasgan import ARCNN, FidelityRestoration
        >>> training = FidelityRestoration(ARCNN())  # as powerqe trains it, for as long as the Trainer says
        >>> training(torch.zeros(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    def __init__(
        self,
        generator: nn.Module,
        optimizer: OptimizerFactory = ADAM,
        schedule: Schedule = COSINE,
        iterations: int | None = None,
        metrics: MetricCollection | None = None,
        features: VGGFeatures | None = None,
        accumulate: int = 1,
        clip_gradients: float | None = None,
        log_every: int | None = None,
        loss: PixelLoss = pixel_loss,
    ) -> None:
        super().__init__()
        if clip_gradients is not None and not clip_gradients > 0:
            raise ValueError(f"clip_gradients is a largest norm, above 0, or null for none; got {clip_gradients}.")
        if log_every is not None and log_every < 1:
            raise ValueError(f"log_every must be at least 1, or null for the usual; got {log_every}.")
        self.automatic_optimization = False
        self.generator = generator.to(memory_format=torch.channels_last)
        self.optimizer = optimizer
        self.schedule = schedule
        self.told_iterations = iterations
        metrics = MetricCollection({"psnr": mean_psnr()}) if metrics is None else metrics
        self.restored_metrics = metrics.clone()
        self.compressed_metrics = metrics.clone()
        # In a tuple, so that the frozen weights are no part of this module: not of checkpoints, averages or DDP.
        self._features = (features.to(memory_format=torch.channels_last),) if features else ()
        self.accumulate = accumulate
        self.largest_norm = clip_gradients
        self.told_log_every = log_every
        self.loss = loss
        self.goes_on = False
        self.latest: dict[str, float] = {}
        self.reported: dict[str, int] = {}
        self.terms: Mapping[str, float] = {}

    @property
    def iterations(self) -> int:
        """Over which the training is laid out: as it was told, else all that the Trainer is to do."""
        return planned_iterations(self.trainer) if self.told_iterations is None else self.told_iterations

    @property
    def log_every(self) -> int:
        """Iterations between two log entries of the loss terms."""
        return self.told_log_every or max(10, ceil(self.iterations / MOST_ENTRIES))

    @property
    def iteration(self) -> int:
        """Iterations done so far."""
        return self.trainer.global_step

    @property
    def figures(self) -> dict[str, float]:
        """What was reported in the last iteration, by name; what was not measured then is left out."""
        return {name: value for name, value in self.latest.items() if self.reported[name] == self.iteration}

    @property
    def stages(self) -> Sequence[Stage]:
        """All stages in their order."""
        return [Stage("pixel stage", 0, self.iterations, self.schedule, self.pixel_iteration)]

    @property
    def stage(self) -> Stage:
        """The stage of the next iteration."""
        return next(stage for stage in reversed(self.stages) if stage.begin <= self.iteration)

    @property
    def enters_stage(self) -> bool:
        """Whether the next iteration is the first of a stage that comes after another."""
        return self.iteration == self.stage.begin > 0

    @property
    def in_last_stage(self) -> bool:
        """Whether the last iteration belonged to the stage that the training is for."""
        return self.iteration > self.stages[-1].begin

    @property
    def generator_optimizer(self) -> LightningOptimizer:
        """The wrapped optimiser, whose steps are the Trainer's `global_step`."""
        optimizers = self.optimizers()
        return optimizers[0] if isinstance(optimizers, list) else optimizers

    @property
    def networks(self) -> list[nn.Module]:
        """Everything that a training step runs."""
        return [self.generator, self.features]

    @property
    def features(self) -> VGGFeatures:
        """The frozen feature network."""
        if not self._features:
            self._features = (usual_features(tuple(LAYERS)),)
        return self._features[0]

    def extract(self, image: Tensor) -> Features:
        """Features of images, (N, 3, H, W) in [0, 1] → {layer: (N, C, h, w)}."""
        return self.features.to(image.device)(image)

    def forward(self, compressed: Tensor) -> Tensor:
        """Restore images of any size, (N, 3, H, W) in [0, 1] → the same shape."""
        return restore(self.generator, compressed)

    def configure_optimizers(self) -> list[Optimizer]:
        """One optimiser, for the generator."""
        return [self.optimizer(self.generator.parameters())]

    def setup(self, stage: str) -> None:
        """Check that the Trainer computes in numbers that a training bears.

        Raises:
            ValueError: If it does not.
        """
        check_precision(self.trainer.precision)
        ignore_wrong_warnings()

    def on_after_batch_transfer(self, batch: object, dataloader_idx: int) -> Pair:
        """Take plain tuples (compressed, original); `RestorationData` turns its batches itself."""
        return as_pair(batch)

    def on_train_start(self) -> None:
        """Set the learning rates of the first iteration, and put the figures up that a checkpoint held.

        Raises:
            ValueError: If the Trainer is to do what the training was not laid out for.
        """
        if not self.goes_on:
            check_length(self.trainer, self.iterations)
        self.set_learning_rates()
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self.latest.items()})

    def on_train_batch_start(self, batch: Pair, batch_idx: int) -> None:
        """Look at the first images.

        Raises:
            ValueError: If they are none.
        """
        if batch_idx == 0:
            check_images(batch)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        """One iteration of the stage at hand, which does not take the optimiser's state of another up."""
        if self.enters_stage:
            self.trainer.optimizers[0].state.clear()
        self.stage.iterate(batch)

    def on_train_batch_end(self, outputs: object, batch: Pair, batch_idx: int) -> None:
        """Set the learning rates of the next iteration, and end the training where a callback of any process did."""
        self.set_learning_rates()
        self.agree_on_the_end()

    def set_learning_rates(self) -> None:
        """Set all optimisers to the next iteration's learning rate, for callbacks that look at it before that."""
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.stage.learning_rate(self.iteration)

    def agree_on_the_end(self) -> None:
        """Stop after this iteration if any process is to, so that none waits for another that has stopped."""
        self.trainer.should_stop = self.trainer.strategy.reduce_boolean_decision(self.trainer.should_stop, all=False)

    def pixel_iteration(self, batch: Pair) -> None:
        """One iteration with the pixel loss alone.

        Args:
            batch: Aligned crops, (N, 3, P, P) in [0, 1].
        """
        pixel = torch.zeros((), device=self.device)
        for part in self.parts(batch):
            loss = self.loss_of(part) / self.accumulate
            self.manual_backward(loss)
            pixel += loss.detach()
        terms = self.checked({"generator/pixel": pixel})
        self.report_terms(terms | self.update({"generator": self.generator_optimizer}))

    def loss_of(self, part: Pair) -> Tensor:
        """The pixel loss of a part of a batch."""
        return self.loss(self.generator(part.compressed), part.original)

    def parts(self, batch: Pair) -> Iterator[Pair]:
        """Cut a batch into `accumulate` equal parts."""
        check_parts(len(batch.original), self.accumulate)
        yield from (Pair(*tensors) for tensors in zip(*(t.chunk(self.accumulate) for t in batch), strict=True))

    def checked(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """The terms as numbers, averaged over all processes.

        Raises:
            NonFiniteLossError: If one is NaN or infinite; on every process alike.
        """
        strategy: Strategy = self.trainer.strategy
        values = cast(Tensor, strategy.reduce(torch.stack(list(terms.values())), reduce_op="mean"))  # pyright: ignore[reportUnknownMemberType] - untyped in Lightning
        numbers = {name: value.item() for name, value in zip(terms, values.cpu(), strict=True)}
        if bad := [f"{name} = {value}" for name, value in numbers.items() if not isfinite(value)]:
            raise NonFiniteLossError(
                f"Iteration {self.iteration + 1}: {', '.join(bad)}. The weights were not updated with it; the last "
                "checkpoint is good. A lower learning rate, clip_gradients=1 or trainer.precision=32-true usually "
                "helps."
            )
        return numbers

    def update(self, optimizers: Mapping[str, Optimizer | LightningOptimizer]) -> dict[str, float]:
        """Clip, step and clear the optimisers of networks, by name.

        Returns:
            The learning rate of each, as `learning_rate/…`.
        """
        rates: dict[str, float] = {}
        for name, optimizer in optimizers.items():
            for group in optimizer.param_groups:
                rates[f"learning_rate/{name}"] = group["lr"]
                if self.largest_norm is not None:
                    clip_grad_norm_(group["params"], self.largest_norm)
            optimizer.step()
            optimizer.zero_grad()
        return rates

    def report_terms(self, terms: Mapping[str, float]) -> None:
        """Log loss terms and learning rates every `log_every` iterations, and those of the last."""
        self.terms = terms
        if self.trainer.progress_bar_callback:
            shown = {name: term for name, term in terms.items() if not name.startswith("learning_rate")}
            self.log_dict(shown, prog_bar=True, logger=False)
        if self.iteration % self.log_every == 0 or self.iteration == max(self.iterations, self.trainer.max_steps):
            self.report(terms)

    def on_train_epoch_end(self) -> None:
        """Report the terms of the iteration that the training ends at, if nothing else is of that."""
        if self.terms and not self.figures:
            self.report(self.terms)

    def report(self, values: Mapping[str, float]) -> None:
        """Log values of this iteration to every logger, and let callbacks see them among the Trainer's metrics."""
        if self.trainer.sanity_checking:
            return
        self.latest.update(values)
        self.reported.update(dict.fromkeys(values, self.iteration))
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in values.items()})
        for logger in self.loggers:
            logger.log_metrics(dict(values), step=self.iteration)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the newest figures in, for the summary of a run that is resumed at its end."""
        checkpoint["latest"] = dict(self.latest)
        checkpoint["reported"] = dict(self.reported)

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Take the newest figures up."""
        self.latest = dict(checkpoint["latest"])
        # Older checkpoints do not say; their last iteration was always validated.
        self.reported = dict(checkpoint.get("reported", dict.fromkeys(self.latest, checkpoint["global_step"])))

    def validation_step(self, batch: Pair, batch_idx: int) -> dict[str, Tensor] | None:
        """Restore whole images and measure them; the pictures go to the callbacks as `restored`, in [0, 1].

        Nothing is done for an image that another process measures.
        """
        if not self.owns(batch):
            return None
        # Memory that one of these steps leaves does not fit the next, so the peak would be the sum of them.
        release_freed_memory()
        return self.measured(self(batch.compressed), batch)

    def owns(self, batch: Pair) -> bool:
        """Whether a validation image is this process's own, and not lent to it for want of one."""
        number = int(batch.index[0])
        return number < 0 or number % self.trainer.world_size == self.global_rank

    def measured(self, restored: Tensor, batch: Pair) -> dict[str, Tensor]:
        """Measure restored images beside their compressed ones, (N, 3, H, W); see `validation_step`."""
        restored = restored.float().clamp(0, 1)
        # Filters of metrics would be computed in bf16 too.
        with torch.autocast(self.device.type, enabled=False):
            for metrics, image in (
                (self.restored_metrics, restored.mul(255).round().div(255)),
                (self.compressed_metrics, batch.compressed),
            ):
                metrics.update(image, batch.original)
                release_freed_memory()
        return {"restored": restored}

    def on_validation_epoch_end(self) -> None:
        """Report the means over all validation images, each counted once."""
        restored, compressed = self.restored_metrics, self.compressed_metrics
        values = {f"valid/{name}": float(value) for name, value in restored.compute().items()}
        values |= {f"valid/compressed_{name}": float(value) for name, value in compressed.compute().items()}
        restored.reset()
        compressed.reset()
        self.report(values)

    def on_validation_end(self) -> None:
        """Give back what the validation and its pictures leave, so that memory stays flat; end as in an iteration."""
        self.agree_on_the_end()
        # Figures hold themselves. Until Python finds that out on its own, some pile up to a hundred megabytes.
        gc.collect()
        release_freed_memory()


def mean_psnr() -> PeakSignalNoiseRatio:
    """PSNR in RGB of each image, then the mean."""
    return PeakSignalNoiseRatio(data_range=1.0, reduction="elementwise_mean", dim=(1, 2, 3))


def restoration(module: LightningModule) -> FidelityRestoration:
    """The module as a restoration training, for callbacks that serve no other.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(module, FidelityRestoration):
        raise TypeError(f"This callback serves a FidelityRestoration or RestorationGAN, not a {type(module).__name__}.")
    return module


def restored_of(outputs: object) -> Tensor:
    """The restored image among the outputs of a validation step, (1, 3, H, W) in [0, 1]."""
    return cast(Mapping[str, Tensor], outputs)["restored"]
