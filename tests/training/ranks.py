"""Two processes of a training as torchrun starts them, forked from one that has imported all: in half the time.

`python -m tests.training.ranks biasgan.train ARGUMENT…`
"""

import os
import socket
import sys
from runpy import run_module

from biasgan.system.imports import importing

with importing():
    import biasgan.training.run  # noqa: F401


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells one of two processes."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    return {
        **{name: str(number) for name, number in numbers.items()},
        **{"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
    }


def main() -> int:
    """Start both; 1 if either failed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    children: list[int] = []
    for rank in (0, 1):
        child = os.fork()
        if child == 0:
            os.environ.update(environment(rank, port))
            sys.argv = sys.argv[1:]
            run_module(sys.argv[0], run_name="__main__", alter_sys=True)
            return 0
        children.append(child)
    ended = [os.waitpid(child, 0)[1] for child in children]
    return int(any(ended))


if __name__ == "__main__":
    sys.exit(main())
