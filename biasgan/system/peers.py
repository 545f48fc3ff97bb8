"""The processes that train together, and what they tell each other beside the training itself."""

import atexit
import os
import sys
import threading
import time
from datetime import timedelta

PAUSE = 1.0
"""Seconds between two beats of a process's heart."""

SILENCE = 15
"""Beats without one of another process, after which that has ended."""

GRACE = 8.0
"""Seconds in which a process may end by itself after another has failed."""

NOTICE = 3 * PAUSE
"""Seconds in which all hear of a failure."""

LOST = (
    "A process of this training ended without a word, or cannot be reached any more; too little memory is a usual "
    "reason. Go on from the last checkpoint with: python -m biasgan.train resume=RUN_FOLDER"
)


class Peers:
    """What the processes of a training tell each other, through a store that the leader or their launcher serves.

    The first to fail says why, and all others end in silence. Each process has a heart, a thread: the leader listens
    to all hearts, and all listen to the leader's. One that waits for a process that has ended or failed, where no
    exception would reach it, is ended by its heart.

    Args:
        address: Of the store.
        port: Of the store.
        leads: Whether this is the first of all processes.
        serves: Whether it serves the store.
        attempt: Number of the training's start, where its launcher starts it again after failures.

    Raises:
        RuntimeError: If the store cannot be reached within five minutes.
    """

    def __init__(self, address: str, port: int, leads: bool, serves: bool, attempt: str) -> None:
        # Here, since not every build of PyTorch has it.
        from torch.distributed import (
            PrefixStore,  # pyright: ignore[reportPrivateImportUsage] - documented there
            TCPStore,  # pyright: ignore[reportPrivateImportUsage] - documented there
        )

        wait = timedelta(minutes=5)
        # Of several tenants: PyTorch makes the process group with a store at the same port.
        store = TCPStore(address, port, None, serves, wait, wait_for_workers=False, multi_tenant=True)
        self.store = PrefixStore(f"biasgan/{attempt}", store)
        self.leads = leads
        self.serves = serves
        self.number = 0 if leads else self.store.add("joined", 1)
        self.first: bool | None = None
        self.heard_of_failure = False
        self.left = threading.Event()
        self.heart = threading.Thread(target=self.beat, daemon=True, name="heart")
        self.heart.start()
        atexit.register(self.leave)

    def agreed(self, name: str, proposal: str) -> str:
        """What the quickest of all processes proposed."""
        return self.store.compare_set(name, "", proposal).decode()

    def first_to_fail(self) -> bool:
        """Tell the others that this process fails; whether it is the first, and so the one to say why."""
        if self.first is None:
            try:
                self.first = self.store.add("failed", 1) == 1
            except RuntimeError:
                # The store has gone with the leader, so there is nobody to ask.
                self.first = self.number == 1 and not self.heard_of_failure
            if self.first and self.serves:
                atexit.register(time.sleep, NOTICE)
        return self.first

    def leave(self) -> None:
        """Listen to nobody any more, and be listened to by nobody who has not left either."""
        self.left.set()
        self.heart.join(NOTICE)

    def beat(self) -> None:
        """Show that this process lives, and end it with the others."""
        heard: dict[int, int] = {}
        missed: dict[int, int] = {0: 0}
        while not self.left.wait(PAUSE) and self.first is None:
            try:
                if self.store.check(["failed"]):
                    self.heard_of_failure = True
                    break
                self.store.add(f"beats of {self.number}", 1)
                for other in range(1, self.store.add("joined", 0) + 1) if self.leads else [0]:
                    beats = self.store.add(f"beats of {other}", 0)
                    # Counted, not timed: where all were stopped for a while, none has missed any.
                    missed[other] = missed.get(other, 0) + 1 if 0 < beats == heard.get(other) else 0
                    heard[other] = beats
            except RuntimeError:
                missed[0] += 1
            if max(missed.values()) > SILENCE:
                if self.first_to_fail():
                    sys.stderr.write(f"\nerror: {LOST}\n")
                    sys.stderr.flush()
                os._exit(1)
        if not self.left.wait(GRACE) and not self.first:
            os._exit(1)


_joined: list[Peers] = []


def join(address: str, port: int, leads: bool, serves: bool, attempt: str = "0") -> None:
    """Make this process one of several, unless it is already; see `Peers`."""
    if not _joined:
        _joined.append(Peers(address, port, leads, serves, attempt))


def leave() -> None:
    """Be a process on its own again."""
    while _joined:
        _joined.pop().leave()


def agreed(name: str, proposal: str) -> str:
    """A value that all processes have alike: what one of them proposed."""
    return _joined[0].agreed(name, proposal) if _joined else proposal


def first_to_fail() -> bool:
    """Tell the other processes that this one fails; whether it is the first, as one on its own always is."""
    return _joined[0].first_to_fail() if _joined else True


def lost(error: BaseException) -> str | None:
    """What to say of an error that comes of another process's end; None for any other error."""
    if not _joined:
        return None
    from torch.distributed import DistError

    return f"{LOST}\nPyTorch says: {error}" if isinstance(error, DistError) or "gloo" in str(error) else None
