from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import cast

import torch
from lightning.pytorch import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MetricCollection

from biasgan.data.dataset import Pair
from biasgan.losses.adversarial import AdversarialLoss, Outcome, gradient_penalty
from biasgan.losses.perceptual import perceptual_loss
from biasgan.losses.pixel import pixel_loss
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.training.agreement import check_strategy
from biasgan.training.fidelity import FidelityRestoration, OptimizerFactory
from biasgan.training.mitigations.mitigation import Mitigation, check_discriminator, discriminate
from biasgan.training.numbers import check_layers, check_number
from biasgan.training.realesrgan import ADAM, ADVERSARIAL_LOSS, LAYERS, PIXEL_SCHEDULE, SCHEDULE, usual_features
from biasgan.training.schedule import Schedule
from biasgan.training.stage import Stage
from biasgan.training.step import Step


@dataclass(frozen=True)
class LossWeights:
    """Weights of the generator's loss terms (eq. 5 of the paper), by default those that it has for Real-ESRGAN.

    The discriminator's losses always weigh 1.

    Raises:
        ValueError: If one is no number from 0 on.

    Examples:
        >>> from biasgan import LossWeights
        >>> LossWeights(pixel=0.01, adversarial=0.005)  # ESRGAN's
        LossWeights(pixel=0.01, perceptual=1.0, adversarial=0.005)
    """

    pixel: float = 1.0
    perceptual: float = 1.0
    adversarial: float = 0.1

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            check_number(f"training.weights.{name}", weight)


USUAL_WEIGHTS = LossWeights()


class RestorationGAN(FidelityRestoration):
    """Train a generator against a discriminator, with any `Mitigation` among the Trainer's callbacks.

    The first `pretrain_iterations` use the pixel loss alone, as `FidelityRestoration` does; then each iteration
    updates the generator and then the discriminator, which sees the restored images of before that update.

    Any Lightning Trainer will do, and any loader of batches (compressed, original), (N, 3, H, W) in [0, 1]. What is not
    said is as the paper trains Real-ESRGAN, but that there is no pixel stage, and no average of the generator without
    `EMA` among the callbacks.

    Each network is run forward once per candidate and iteration, and both updates share those passes. That equals
    separate passes, since the generator's update does not change the discriminator; only spectral norm's power
    iterations and the running statistics of batch norm advance once per candidate instead of once per pass.

    Args:
        generator: As in `FidelityRestoration`.
        discriminator: Image (or what the mitigations make of it) → logits. A conditional one has six channels.
        optimizer: Makes the optimiser of each network.
        pretrain_schedule: Learning rate over the pixel stage.
        schedule: Learning rate of both networks over the adversarial stage.
        adversarial_loss: What the two networks play for.
        weights: Weights of the generator's terms.
        layers: Weight of each VGG-19 layer in the perceptual loss.
        iterations: Over which the training is laid out, as in `FidelityRestoration`.
        pretrain_iterations: How many of them are the pixel stage. Where they all are, there is no other stage, however
            long the training goes on.
        metrics: As in `FidelityRestoration`.
        features: Frozen feature network that has all layers asked for; by default `usual_features`.
        accumulate: As in `FidelityRestoration`.
        clip_gradients: As in `FidelityRestoration`, for each network.
        log_every: As in `FidelityRestoration`.

    Raises:
        ValueError: If a number is out of its range, or a layer is none of the feature network's; when a training begins
            if the Trainer does not suit it.

    Examples:
        >>> import torch
        >>> from lightning import Trainer
        >>> from torch.utils.data import DataLoader
        >>> from biasgan import ARCNN, ConditionalDiscriminator, DivergenceRegularizer, RestorationGAN
        >>> from biasgan import UNetDiscriminator
        >>> pairs = [(torch.rand(3, 32, 32), torch.rand(3, 32, 32)) for _ in range(4)]  # of your own
        >>> gan = RestorationGAN(ARCNN(), UNetDiscriminator(in_channels=6))
        >>> mitigations = [ConditionalDiscriminator(), DivergenceRegularizer()]
        >>> trainer = Trainer(max_steps=1000, callbacks=mitigations)
        >>> trainer.fit(gan, DataLoader(pairs, batch_size=2, shuffle=True))  # doctest: +SKIP
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optimizer: OptimizerFactory = ADAM,
        pretrain_schedule: Schedule = PIXEL_SCHEDULE,
        schedule: Schedule = SCHEDULE,
        adversarial_loss: AdversarialLoss = ADVERSARIAL_LOSS,
        weights: LossWeights = USUAL_WEIGHTS,
        layers: Mapping[str, float] = LAYERS,
        iterations: int | None = None,
        pretrain_iterations: int = 0,
        metrics: MetricCollection | None = None,
        features: VGGFeatures | None = None,
        accumulate: int = 1,
        clip_gradients: float | None = None,
        log_every: int | None = None,
    ) -> None:
        check_pixel_stage(pretrain_iterations, pretrain_iterations if iterations is None else iterations)
        features = features or usual_features(tuple(layers))
        check_layers("training.layers", layers, features)
        super().__init__(
            generator, optimizer, schedule, iterations, metrics, features, accumulate, clip_gradients, log_every
        )
        self.discriminator = discriminator.to(memory_format=torch.channels_last)
        self.pretrain_schedule = pretrain_schedule
        self.adversarial_loss = adversarial_loss
        self.weights = weights
        self.layers = dict(layers)
        self.pretrain_iterations = pretrain_iterations

    @property
    def mitigations(self) -> list[Mitigation]:
        """The mitigations among the Trainer's callbacks, in its order."""
        callbacks = cast(list[Callback], self.trainer.callbacks)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - set where pyright does not look
        return [callback for callback in callbacks if isinstance(callback, Mitigation)]

    @property
    def has_adversarial_stage(self) -> bool:
        """Whether there is more than a pixel stage."""
        return self.pretrain_iterations < self.iterations

    @property
    def adversarial(self) -> bool:
        """Whether the discriminator has been trained yet."""
        return self.has_adversarial_stage and self.iteration > self.pretrain_iterations

    @property
    def stages(self) -> Sequence[Stage]:
        """The pixel stage and the adversarial one, as far as there are both."""
        pixel, adversarial = self.pretrain_iterations, self.iterations - self.pretrain_iterations
        both = (
            Stage("pixel stage", 0, pixel, self.pretrain_schedule, self.pixel_iteration),
            Stage("adversarial stage", pixel, adversarial, self.schedule, self.adversarial_iteration),
        )
        return [stage for stage in both if stage.iterations]

    @property
    def networks(self) -> list[nn.Module]:
        """Everything that a training step runs."""
        return [*super().networks, self.discriminator]

    def discriminate(self, image: Tensor, step: Step) -> Tensor:
        """Logits of candidates as the mitigations have them shown: the only road to the discriminator.

        Args:
            image: Candidates of the batch, (N, 3, H, W) in [0, 1].
            step: The batch.
        """
        return discriminate(self.discriminator, self.mitigations, image, step)

    def setup(self, stage: str) -> None:
        """Check that the Trainer bears two networks.

        Raises:
            ValueError: If it does not.
        """
        super().setup(stage)
        check_strategy(self.trainer.strategy)

    def on_train_start(self) -> None:
        """Begin.

        Raises:
            ValueError: If the Trainer is to do what the training was not laid out for.
        """
        check_pixel_stage(self.pretrain_iterations, self.iterations)
        super().on_train_start()

    def on_train_batch_start(self, batch: Pair, batch_idx: int) -> None:
        """Check that the discriminator takes what it will be shown.

        Raises:
            ValueError: If it does not.
        """
        super().on_train_batch_start(batch, batch_idx)
        if batch_idx == 0:
            height, width = batch.original.shape[-2:]
            check_discriminator(self.discriminator, self.mitigations, self.extract, height, width)

    def rehearse(self, size: int) -> None:
        """Compute all terms of an adversarial iteration once and change nothing: it may be long until the first.

        Args:
            size: Side of the patches.

        Raises:
            ValueError: If a network, a mitigation or the loss does not take what it will be given.
        """
        if not self.has_adversarial_stage:
            return
        check_discriminator(self.discriminator, self.mitigations, self.extract, size)
        modes = {module: module.training for module in self.modules()}
        self.eval()  # in which no statistics change
        try:
            with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType] - partly untyped
                image = torch.full((1, 3, size, size), 0.5)
                step = Step(image, image, self(image).detach().requires_grad_(), self.extract)
                logits = self.discriminate(image, step), self.discriminate(step.restored, step)
                terms = [*self.generator_terms(step).values(), self.adversarial_loss.generator(*logits)]
                torch.stack([*terms, *self.adversarial_loss.discriminator(*logits)])
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(
                f"The adversarial stage would fail on patches of {size} pixels. Choose a discriminator, mitigations "
                f"and a loss that go together. {type(error).__name__}: {error}"
            ) from error
        finally:
            for module, mode in modes.items():
                module.training = mode

    def configure_optimizers(self) -> list[Optimizer]:
        """Two optimisers, the generator's first."""
        return [self.optimizer(self.generator.parameters()), self.optimizer(self.discriminator.parameters())]

    def adversarial_iteration(self, batch: Pair) -> None:
        """Update the generator, then the discriminator.

        Args:
            batch: Aligned crops, (N, 3, P, P) in [0, 1].
        """
        totals: dict[str, Tensor] = {}
        parts = list(self.parts(batch))
        for part, outcome in zip(parts, self.outcomes(parts), strict=True):
            terms = self.backward_of(part, outcome)
            totals = {name: totals.get(name, 0) + term.detach() / self.accumulate for name, term in terms.items()}
        numbers = self.checked(totals)
        # The discriminator's bare: Lightning counts the steps of wrapped ones, and one batch is one iteration.
        rates = self.update({"generator": self.generator_optimizer, "discriminator": self.trainer.optimizers[1]})
        self.report_terms(numbers | rates)

    def outcomes(self, parts: Sequence[Pair]) -> Sequence[Outcome | None]:
        """What the adversarial loss makes of each part of a batch; None where that depends on the part alone.

        A relativistic loss compares with averages of the whole batch, which must be known before the first part goes
        backward. They cost each part one more pass of the two networks, without gradient.
        """
        if len(parts) == 1 or not self.adversarial_loss.relativistic:
            return [None] * len(parts)
        logits: list[tuple[Tensor, Tensor]] = []
        with rehearsal((self.generator, self.discriminator), self.device):
            for part in parts:
                step = Step(part.compressed, part.original, self.generator(part.compressed), self.extract)
                logits.append((self.discriminate(part.original, step), self.discriminate(step.restored, step)))
        original, restored = (torch.cat(each) for each in zip(*logits, strict=True))
        return self.adversarial_loss.outcome(original, restored).parts(len(parts))

    def backward_of(self, part: Pair, outcome: Outcome | None) -> dict[str, Tensor]:
        """Compute all loss terms of a part of a batch and add their gradients to both networks.

        Args:
            part: Aligned crops, (N, 3, P, P) in [0, 1].
            outcome: Of the adversarial loss, where it depends on more than this part.

        Returns:
            Weighted terms by name, `generator/…` and `discriminator/…`.

        Raises:
            ValueError: If two mitigations add a term of the same name.
        """
        restored = self.generator(part.compressed)
        step = Step(part.compressed, part.original, restored, self.extract)
        # Cut off here, one pass of the discriminator serves its own update and, by its input's gradient, the
        # generator's; in that direction no gradient of the discriminator's parameters is computed.
        candidate = restored.detach().requires_grad_()
        gamma = self.adversarial_loss.gamma
        original = part.original.detach().requires_grad_(gamma > 0)
        original_logits = self.discriminate(original, step)
        restored_logits = self.discriminate(candidate, step)
        outcome = outcome or self.adversarial_loss.outcome(original_logits, restored_logits)
        change = self.weights.adversarial * (restored_logits.float() * outcome.generator_by_restored).sum()
        (gradient,) = cast(tuple[Tensor], torch.autograd.grad(change, candidate, retain_graph=True))

        generator = self.generator_terms(step)
        loss = torch.stack(list(generator.values())).sum() + (restored.float() * gradient).sum()
        self.manual_backward(loss / self.accumulate)

        change = (original_logits.float() * outcome.discriminator_by_original).sum()
        change += (restored_logits.float() * outcome.discriminator_by_restored).sum()
        discriminator: dict[str, Tensor] = outcome.discriminator._asdict()
        if gamma:
            penalty = gamma * gradient_penalty((original, candidate), (original_logits, restored_logits))
            discriminator["gradient_penalty"] = penalty
            change += penalty
        self.manual_backward(change / self.accumulate, inputs=list(self.discriminator.parameters()))

        generator["adversarial"] = self.weights.adversarial * outcome.generator
        terms = {f"generator/{name}": term for name, term in generator.items()}
        return terms | {f"discriminator/{name}": term for name, term in discriminator.items()}

    def generator_terms(self, step: Step) -> dict[str, Tensor]:
        """Weighted terms of the generator's loss but for the adversarial one."""
        terms: dict[str, Tensor] = {}
        # The mitigations first: those that need features of the compressed images take the originals along.
        for mitigation in self.mitigations:
            for name, term in mitigation.generator_losses(step).items():
                if name in terms or name in ("pixel", "perceptual", "adversarial"):
                    raise ValueError(f"Two loss terms are called {name!r}; each mitigation needs names of its own.")
                terms[name] = term
        pixel = self.weights.pixel * pixel_loss(step.restored, step.original)
        perceptual = perceptual_loss(step.restored_features, step.original_features, self.layers)
        return {"pixel": pixel, "perceptual": self.weights.perceptual * perceptual} | terms


def check_pixel_stage(pretrain_iterations: int, iterations: int) -> None:
    """Refuse a pixel stage that is longer than the training it is part of.

    Raises:
        ValueError: Names both.
    """
    if not 0 <= pretrain_iterations <= iterations:
        raise ValueError(
            f"pretrain_iterations={pretrain_iterations} are part of iterations={iterations}; "
            "expected 0 ≤ pretrain_iterations ≤ iterations."
        )


@contextmanager
def rehearsal(networks: Iterable[nn.Module], device: torch.device) -> Generator[None]:
    """Run networks in training mode without gradient, and have all as if that had not been.

    What they do within the block they do once more after it: buffers, such as the vectors of spectral norm and the
    running statistics of batch norm, and random numbers are as before.

    Args:
        networks: Everything that is run.
        device: Where.
    """
    buffers = [buffer for network in networks for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    devices = [device] if device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices):  # pyright: ignore[reportUnknownMemberType] - untyped in PyTorch
        yield
        for buffer, kept in zip(buffers, before, strict=True):
            buffer.copy_(kept)
    # Until 2.9 PyTorch keeps weights in half precision without their gradient.
    torch.clear_autocast_cache()
