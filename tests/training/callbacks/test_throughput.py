from collections.abc import Callable
from pathlib import Path

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, Dataset

from biasgan.data.dataset import Pair, PairDataset
from biasgan.data.samplers import Sample
from biasgan.runs.log import read_log
from biasgan.training.callbacks import throughput
from biasgan.training.callbacks.progress import ProgressBar
from biasgan.training.callbacks.throughput import Throughput
from biasgan.training.loggers.csv_log import CSVLog

from ..conftest import MakePairs, make_fidelity, make_trainer

Train = Callable[..., None]


class Clock(Callback):
    """Time that passes in a loader, in steps and in validations, and nowhere else; it stands in for the system's."""

    def __init__(self, loading: float, step: float, validation: float) -> None:
        self.loading, self.step, self.validation = loading, step, validation
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pair, batch_idx: int
    ) -> None:
        self.now += self.step

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.now += self.validation


class SlowPairs(Dataset[Pair]):
    """Pairs that take their time."""

    def __init__(self, pairs: Dataset[Pair], clock: Clock) -> None:
        assert isinstance(pairs, PairDataset)
        self.pairs = pairs
        self.clock = clock

    def __getitems__(self, samples: list[Sample]) -> Pair:
        self.clock.now += self.clock.loading
        return self.pairs.__getitems__(samples)


def slowed(loader: DataLoader[Pair], clock: Clock) -> DataLoader[Pair]:
    pairs = SlowPairs(loader.dataset, clock)
    return DataLoader(pairs, batch_sampler=loader.batch_sampler, collate_fn=loader.collate_fn)


@pytest.fixture
def train(make_pairs: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains for nine iterations of two images, with three validations, by a clock."""

    def run(clock: Clock, *callbacks: Callback) -> None:
        monkeypatch.setattr(throughput, "time", clock)
        data = make_pairs(iterations=9, batch_size=2)
        fast = data.train_dataloader
        monkeypatch.setattr(data, "train_dataloader", lambda: slowed(fast(), clock))
        log = CSVLog(tmp_path / "log.csv")
        log.start(0)
        trainer = make_trainer(clock, *callbacks, loggers=(log,), max_steps=9, validate_every=3)
        trainer.fit(make_fidelity(iterations=9), datamodule=data)

    return run


def test_waiting_and_validations_are_told_apart(train: Train, tmp_path: Path) -> None:
    train(Clock(loading=1, step=4, validation=7), Throughput())
    rows = read_log(tmp_path / "throughput.csv")
    assert rows == [
        {
            "iteration": iteration,
            "throughput/images_per_second": pytest.approx(2 / 5),
            "throughput/data_wait": pytest.approx(1 / 5),
            "throughput/seconds_left": left,
        }
        for iteration, left in ((3, 6 * 5 + 2 * 7), (6, 3 * 5 + 7), (9, 0))
    ]
    # Of two trainings that are the same these differ, so they stay out of the log that does not.
    assert not any("throughput" in name for row in read_log(tmp_path / "log.csv") for name in row)


@pytest.mark.parametrize(("loading", "told"), [(1, 0), (2, 1)])
def test_a_training_that_waits_for_its_data_says_so_once(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loading: float, told: int
) -> None:
    monkeypatch.setattr(throughput, "WINDOW", 4)
    train(Clock(loading, step=4, validation=0), Throughput())
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("The training waits for its data 33% of the time. More pairs.workers (now 0) help") == told


def test_without_a_terminal_each_validation_has_a_line(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(loading=1, step=4, validation=7)
    train(clock, Throughput(), ProgressBar())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("iteration")]
    speed = "0.4 images/s  20% waiting for data"
    begin = [
        f"iteration {n} of 9, pixel stage: {speed}  {left} left  PSNR "
        for n, left in ((3, "0:00:44"), (6, "0:00:22"), (9, "0:00:00"))
    ]
    assert [line[: len(start)] for line, start in zip(lines, begin, strict=True)] == begin
