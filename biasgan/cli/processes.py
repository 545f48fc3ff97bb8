"""A training in several processes of this machine, under PyTorch's elastic agent, which is what torchrun is too."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from uuid import uuid4

from torch.distributed import PrefixStore, TCPStore  # pyright: ignore[reportPrivateImportUsage] - documented there
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import (
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)
from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from biasgan.cli.errors import plain_errors
from biasgan.runs.folder import AUTO, RunFolder
from biasgan.system.console import say
from biasgan.system.parent import end_with_parent
from biasgan.system.signals import check_signals
from biasgan.training.alone import remove_half_written
from biasgan.training.callbacks.interrupt import InterruptedTrainingError
from biasgan.training.settings import Settings

RESTARTS = 3
"""How often several processes are started again by default; a single one is not."""

START = "spawn" if sys.platform == "darwin" else "fork"
"""The quicker way is safe, since this process does nothing but wait: it uses no GPU and has no threads of OpenMP's."""

HERE = "biasgan"
"""Name of the way in which the processes find each other."""

Function = Callable[[Settings, Path], int | None]


class Rendezvous(StaticTCPRendezvous):
    """How the processes of this machine find each other: at a port that the system chooses.

    PyTorch's own way for that, c10d, takes seconds, in which it names each function that tells something by looking
    through all modules that were ever imported.
    """

    def __init__(self, parameters: RendezvousParameters) -> None:
        super().__init__("localhost", 0, rank=0, world_size=1, run_id=parameters.run_id, timeout=600)

    def get_backend(self) -> str:
        """Its name."""
        return HERE

    def next_rendezvous(self) -> RendezvousInfo:
        """Where they meet next."""
        store = TCPStore(self.master_addr, 0, self.world_size, True, self.timeout, multi_tenant=True)
        found = RendezvousStoreInfo(self.master_addr, store.port)
        return RendezvousInfo(PrefixStore(self.run_id, store), self.rank, self.world_size, found)


rendezvous_handler_registry.register(HERE, Rendezvous)


class ProcessFailedError(RuntimeError):
    """The first of several processes that failed, and why.

    Args:
        rank: Its number.
        count: How many there are.
        failure: What PyTorch's agent found.

    Attributes:
        said_why: Whether it had an error of its own, and was not killed for example.
    """

    def __init__(self, rank: int, count: int, failure: ProcessFailure) -> None:
        # What the process has recorded; a text of PyTorch's where that is nothing.
        record: Any = failure.message
        self.said_why = isinstance(record, dict)
        if self.said_why:
            reason = str(record["message"]).partition(": ")[2]
        elif failure.exitcode < 0:
            reason = f"Ended by {failure.signal_name()}. Where nobody sent it, too little memory is a usual reason."
        else:
            reason = f"Ended with exit status {failure.exitcode}."
        super().__init__(f"Process {rank} of {count} failed first. {reason}" if count > 1 else reason)


def train_in_processes(check: Function, train: Function, settings: Settings, folder: Path) -> None:
    """Train in as many processes as there are to be devices, and start all again where one fails.

    They go on from the newest checkpoint. An error that comes again with none saved in between ends the training.

    Args:
        check: Refuses, in a process of its own, what any would fail at, and gives the number of devices.
        train: What each process is to do.
        settings: Of both.
        folder: Run folder.

    Raises:
        InterruptedTrainingError: If the training was asked to stop and has saved itself.
        KeyboardInterrupt: If it was stopped at once.
        OSError: On Windows.
        ProcessFailedError: If it is not to be started again.
    """
    check_signals("Trainings in several processes, and those with restarts,")
    count = int(launch(1, check, settings, folder) or 1)
    restarts = settings.restarts if settings.restarts is not None else RESTARTS * (count > 1)
    last = RunFolder(folder).last
    before = ""
    for left in reversed(range(restarts + 1)):
        age = age_of(last)
        try:
            interruption = launch(count, train, settings, folder)
        except ProcessFailedError as failure:
            saved = age_of(last) != age
            if not left or (failure.said_why and str(failure) == before and not saved):
                raise
            remove_half_written(folder)
            before = str(failure)
            settings = Settings.of({**settings.recorded, "resume": AUTO}) if saved else settings
            say(f"\n{failure}\nStarting all again, from the newest checkpoint if there is one.", error=True)
            continue
        if interruption:
            raise InterruptedTrainingError(interruption)
        return


def age_of(file: Path) -> int | None:
    """When a file was written; None if it is not there."""
    return file.stat().st_mtime_ns if file.exists() else None


def launch(count: int, function: Function, settings: Settings, folder: Path) -> int | str | None:
    """Call a function in several processes.

    Args:
        count: How many.
        function: Is called in each.
        settings: Its first argument.
        folder: Its second one.

    Returns:
        What it returned in the first process; the words of an `InterruptedTrainingError`.

    Raises:
        KeyboardInterrupt: If Ctrl-C or SIGTERM came and the processes do not heed the first.
        ProcessFailedError: If one has failed; then all have ended.
    """
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):
        # What it would say is said here.
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    with TemporaryDirectory(prefix="biasgan-processes-") as records, signals_handed_on() as came:
        agent = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            # Of its own accord it would do again what is bound to fail.
            max_restarts=0,
            run_id=uuid4().hex,
            rdzv_backend=HERE,
            start_method=START,
            signals_to_handle="SIGHUP,SIGQUIT",
            logs_specs=DefaultLogsSpecs(records),
        )
        try:
            return elastic_launch(agent, started)(function, settings, folder)[0]
        except ChildFailedError as error:
            if came:
                raise KeyboardInterrupt from error
            rank, failure = error.get_first_failure()
            raise ProcessFailedError(rank, count, failure) from error


@contextmanager
def signals_handed_on() -> Generator[list[int]]:
    """Hand Ctrl-C and SIGTERM on to the processes started within the block, as Ctrl-C; a second one ends them.

    Yields:
        What has come so far.

    Raises:
        KeyboardInterrupt: At the second, or where there is no process to hand the first on to.
    """
    came: list[int] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        processes = active_children()
        if len(came) > 1 or not processes:
            raise KeyboardInterrupt
        for process in processes:
            if process.pid:
                os.kill(process.pid, signal.SIGINT)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def started(function: Function, settings: Settings, folder: Path) -> int | str | None:
    """What each process does: call a function, and leave what its error says to the agent."""
    # A terminal sends Ctrl-C to all of a group.
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(signal.SIGKILL)
    with plain_errors():
        try:
            return function(settings, folder)
        except InterruptedTrainingError as interruption:
            return str(interruption)
