import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from biasgan.networks.vgg_features import Features
from biasgan.training.step import Step


class Mitigation(Callback):
    """A change to the adversarial objective, given to the Trainer like any other callback.

    It can change two things: what the discriminator is shown, and what else the generator pays for.
    Several combine, in the Trainer's order. Of a finished run it is built anew, from the run's configuration, for the
    discriminator to be shown the same then.

    Attributes:
        extra_channels: How many channels `discriminator_input` adds. Where it adds them in front, a discriminator that
            starts from the weights of one without them is blind to them at first.

    Examples:
        >>> from biasgan import Mitigation
        >>> class Residual(Mitigation):
        ...     def discriminator_input(self, image, step):  # what was added to the compressed image
        ...         return image - step.compressed
        ...     def generator_losses(self, step):  # and it is to be small
        ...         return {"residual": 0.1 * (step.restored - step.compressed).abs().mean()}
    """

    extra_channels: int = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that there is something to mitigate.

        Raises:
            ValueError: If the module trains without a discriminator.
        """
        if not isinstance(getattr(pl_module, "discriminator", None), nn.Module):
            raise ValueError(
                f"{type(self).__name__} mitigates a bias of adversarial training, and this training has no "
                "discriminator. Train the same network adversarially (for example baseline=realesrgan "
                "generator=arcnn method=full), or leave the mitigation out (method=vanilla)."
            )

    def discriminator_input(self, image: Tensor, step: Step) -> Tensor:
        """What the discriminator sees in place of `image`.

        Args:
            image: A candidate (restored, original or compressed), (N, C, H, W); C is 3 unless another mitigation
                came before.
            step: The batch that the candidate belongs to.

        Returns:
            (N, C + `extra_channels`, H, W).
        """
        return image

    def generator_losses(self, step: Step) -> Mapping[str, Tensor]:
        """Weighted terms that are added to the generator's loss, by name; scalars.

        Each process, and each part of a batch under `accumulate`, has its own, whose means count. A term that is more
        than a mean over samples takes `process_mean` where it averages, and refuses `accumulate` in `setup`.
        """
        return {}


def channels_shown(mitigations: Sequence[Mitigation]) -> int:
    """How many channels a discriminator is shown: the candidate's three, and what mitigations add."""
    return 3 + sum(mitigation.extra_channels for mitigation in mitigations)


def discriminate(discriminator: nn.Module, mitigations: Sequence[Mitigation], image: Tensor, step: Step) -> Tensor:
    """Logits of candidates as mitigations have them shown: the only road to a discriminator, in training and after.

    Args:
        discriminator: What the mitigations make of images → logits.
        mitigations: Of its training, in their order.
        image: Candidates of the batch, (N, 3, H, W) in [0, 1].
        step: The batch.
    """
    for mitigation in mitigations:
        image = mitigation.discriminator_input(image, step)
    return discriminator(image)


def check_discriminator(
    discriminator: nn.Module,
    mitigations: Sequence[Mitigation],
    extract: Callable[[Tensor], Features],
    height: int,
    width: int | None = None,
) -> None:
    """Have a discriminator judge one black patch, before the first that counts; nothing of it is left.

    Args:
        discriminator: What is checked.
        mitigations: What it is shown depends on these.
        extract: As in `Step`.
        height: Of the patches in pixels.
        width: The same; None for squares.

    Raises:
        ValueError: If a mitigation adds other channels than it states, or the discriminator fails.
    """
    width = width or height
    black = torch.zeros(1, 3, height, width)
    # A copy in evaluation mode, so that no statistics change; dropout and noise draw no random numbers of others.
    judge = copy.deepcopy(discriminator).cpu().eval()
    with torch.no_grad(), torch.random.fork_rng([]):  # pyright: ignore[reportUnknownMemberType] - untyped in PyTorch
        step = Step(black, black, black, extract)
        shown = black
        for mitigation in mitigations:
            channels = shown.shape[1] + mitigation.extra_channels
            shown = mitigation.discriminator_input(shown, step)
            if shown.shape[1] != channels:
                raise ValueError(
                    f"{type(mitigation).__name__} states extra_channels={mitigation.extra_channels}, and makes "
                    f"{shown.shape[1]} channels of {channels - mitigation.extra_channels}. Set its extra_channels to "
                    "what its discriminator_input adds."
                )
        try:
            judge(shown)
        except Exception as error:
            added = [f"{each.extra_channels} of {type(each).__name__}" for each in mitigations if each.extra_channels]
            name, channels = type(discriminator).__name__, shown.shape[1]
            first_line = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise ValueError(
                f"The discriminator is shown {channels} channels ({' and '.join(['3 of the candidate', *added])}) of "
                f"{height} x {width} pixels, which {name} does not take: {first_line}. Set "
                f"discriminator.in_channels={channels}, or choose the method whose channels it takes: conditional "
                "and full show it 6, vanilla and divergence 3."
            ) from error
