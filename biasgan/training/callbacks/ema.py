from collections.abc import Mapping

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from biasgan.data.dataset import Pair
from biasgan.training.fidelity import restoration
from biasgan.training.numbers import check_number


class EMA(Callback):
    """Keep a moving average of the generator's parameters; validate, export and enter the second stage with it.

    Parameters only: buffers are not averaged. The average begins as the generator itself, and takes its place when
    `fit` returns.

    Args:
        decay: Weight of the average so far at each iteration, from 0 to 1; 0.999 in BasicSR. Over a thousand iterations
            a third of such an average is still what the training began with: take less for shorter trainings.

    Raises:
        ValueError: If it is none.

    Examples:
        >>> from biasgan import EMA
        >>> average = EMA(0.99)  # for the callbacks of a Trainer
    """

    def __init__(self, decay: float = 0.999) -> None:
        check_number("ema_decay", decay, most=1)
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.trained: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin as a copy, or take up what a checkpoint held, in the layout of the parameters."""
        parameters = parameters_of(pl_module)
        start = self.average or parameters
        self.average = {name: torch.empty_like(p).copy_(start[name]) for name, p in parameters.items()}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Pair, batch_idx: int) -> None:
        """Let each further stage start from the average of the one before."""
        if restoration(pl_module).enters_stage:
            write(parameters_of(pl_module), self.average)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        """Take the new parameters in."""
        parameters = parameters_of(pl_module)
        averages = [self.average[name] for name in parameters]
        get_ema_multi_avg_fn(self.decay)(averages, list(parameters.values()), None)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the average in the generator's place."""
        if self.average:
            parameters = parameters_of(pl_module)
            self.trained = {name: p.clone() for name, p in parameters.items()}
            write(parameters, self.average)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the generator its own parameters back."""
        if self.trained:
            write(parameters_of(pl_module), self.trained)
            self.trained = {}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average in the generator's place."""
        write(parameters_of(pl_module), self.average)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, by parameter name."""
        return self.average

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take up a saved average."""
        self.average = dict(state_dict)


def parameters_of(module: LightningModule) -> dict[str, Tensor]:
    """The generator's parameters by name, without gradient history."""
    return {name: parameter.detach() for name, parameter in restoration(module).generator.named_parameters()}


@torch.no_grad()
def write(parameters: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into parameters of the same names."""
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
