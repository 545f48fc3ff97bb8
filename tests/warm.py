"""Processes that have imported PyTorch, Lightning and Hydra before they start, which takes many seconds otherwise.

`python -m MODULE` in a test, and in the commands under test that start others, is a fork of a process that has done
nothing but import and wait. It is a child of what has started it, with a number, session, folder, environment and
files of its own, to be killed, stopped and waited for like any other. What differs: all hash strings alike, and /proc
does not tell their command and environment. In tests marked `cold`, on other systems than Linux and where there is a
GPU, whose driver bears no forks, processes start as a user's do.

A fork of a fork that has ended belongs to the nearest ancestor that takes in orphans, which is how what waits, itself a
child of the starter's, can give it another.
"""

import atexit
import ctypes
import gc
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
IMPORTED = (
    "biasgan.cli.processes",
    "biasgan.evaluation.evaluation",
    "biasgan.evaluation.settings",
    "biasgan.evaluation.tables",
    "biasgan.inference.enhancement",
    "biasgan.training.run",
    "hydra.main",
)
"""With all that they import. No command is among them: it is run as the main module."""

STARTERS = ("biasgan.reproduce", "submitit.local._local", "torch.distributed.run")
"""Commands that start others, as sweeps do: to each belongs a process that waits for it alone."""

UNHEARD = (signal.SIGINT, signal.SIGTERM)
"""What is sent to a whole group is not for what waits."""

TAKES_IN_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux's prctl."""

cold = sys.platform != "linux" or Path("/proc/driver/nvidia").exists()
"""Whether processes start as a user's do."""

_orders: socket.socket | None = None
_lock = threading.Lock()
_start_cold = getattr(subprocess.Popen, "_execute_child")  # noqa: B009 - known to no type checker


class Order(NamedTuple):
    """What a process is to do."""

    module: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    new_session: bool

    @property
    def starts_others(self) -> bool:
        return self.module in STARTERS or "-m" in self.arguments


def install() -> None:
    """Have all processes that this one starts be warm."""
    setattr(subprocess.Popen, "_execute_child", start)  # noqa: B010


def start(process: Any, *arguments: object) -> None:  # noqa: ANN401 - a Popen, with what is its own
    """In place of `Popen._execute_child`."""
    given = inspect.signature(_start_cold).bind(process, *arguments).arguments
    order = None if cold else order_of(given)
    if order is None:
        _start_cold(process, *arguments)
        return
    files = [given[name] if given[name] >= 0 else n for n, name in enumerate(("p2cread", "c2pwrite", "errwrite"))]
    process.pid = give(order, files)
    process._child_created = True
    process._close_pipe_fds(*(given[end] for end in inspect.signature(process._close_pipe_fds).parameters))


def order_of(given: dict[str, Any]) -> Order | None:
    """What a Popen is given, as an order; None if it is more than a fork can do."""
    match given["args"]:
        case [sys.executable, "-m", str(module), *arguments] | [sys.executable, "-u", "-m", str(module), *arguments]:
            if given["pass_fds"] or given["preexec_fn"]:
                return None
            environment = os.environ if given["env"] is None else given["env"]
            folder = str(given["cwd"] or Path.cwd())
            return Order(module, [*map(str, arguments)], folder, dict(environment), given["start_new_session"])
    return None


def give(order: Order, files: list[int]) -> int:
    """Have what waits, which is started when it is first needed, follow an order; gives the number of the process."""
    global _orders
    with _lock:
        if _orders is None:
            _orders, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            words, end = [sys.executable, "-m", "tests.warm"], there.fileno()
            process = subprocess.Popen([*words, str(end)], cwd=ROOT, stdout=subprocess.DEVNULL, pass_fds=[end])
            there.close()
            # The last first.
            atexit.register(process.wait)
            atexit.register(_orders.close)
        take_in_orphans(True)
        try:
            socket.send_fds(_orders, [json.dumps(order).encode()], files)
            return int(_orders.recv(32))
        finally:
            take_in_orphans(False)


def take_in_orphans(whether: bool) -> None:
    ctypes.CDLL(None).prctl(TAKES_IN_ORPHANS, int(whether), 0, 0, 0)


def wait(orders: socket.socket) -> Order:
    """Fork at each order, and end with what gives them.

    Returns:
        In a fork, what it is to do.
    """
    global _orders, cold
    for number in UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    starter = os.getppid()
    while True:
        words, files, _, _ = socket.recv_fds(orders, 1 << 20, 3)
        if not words:
            os._exit(0)
        if between := os.fork():
            os.waitpid(between, 0)
            for file in files:
                os.close(file)
            continue
        if os.fork():
            os._exit(0)
        while os.getppid() != starter:
            time.sleep(0.001)
        order = Order(*json.loads(words))
        if order.new_session:
            os.setsid()
        cold = not order.starts_others
        if order.starts_others:
            _orders, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                _orders.close()
                for file in files:
                    os.close(file)
                orders, starter = there, os.getppid()
                continue
            there.close()
        become(order, files)
        orders.send(str(os.getpid()).encode())
        orders.close()
        return order


def become(order: Order, files: list[int]) -> None:
    """Make this process what it would be had it just been started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        was = getattr(sys, name)
        stream: Any = open(was.fileno(), mode, encoding=was.encoding, errors=was.errors, closefd=False)  # noqa: SIM115
        stream.reconfigure(write_through=was.write_through, line_buffering=was.line_buffering or stream.isatty())
        setattr(sys, name, stream)
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    paths = order.environment.get("PYTHONPATH", "")
    sys.path[:1] = [order.folder, *filter(None, paths.split(os.pathsep))]
    sys.argv = [order.module, *order.arguments]


def end(status: list[int]) -> None:
    """End a process that has nothing left to do at once, and not when Python has forgotten all modules."""
    if status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status[0])


def main() -> None:
    """Import, wait, and in each fork run a module as `python -m` does."""
    status: list[int] = []
    # Before all others, to be called after them.
    atexit.register(end, status)
    gc.disable()
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    gc.enable()
    threads = [*Path("/proc/self/task").iterdir()]
    assert len(threads) == 1, "a fork would be without the other threads"
    order = wait(socket.socket(fileno=int(sys.argv[1])))
    install()
    # As if it had not been imported, or it would be warned of.
    sys.modules.pop(order.module, None)
    try:
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            status.append(ended.code or 0)
        raise
    status.append(0)


if __name__ == "__main__":
    main()
