import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from hydra.errors import InstantiationException
from rich.console import Console

PLAIN = (ValueError, OSError, ArithmeticError, ImportError, RuntimeError)


@contextmanager
def plain_errors() -> Generator[None]:
    """End a command with one message and exit status 1 where its user can do something about the error.

    With HYDRA_FULL_ERROR=1 in the environment errors keep their traceback.
    """
    try:
        yield
    except (InstantiationException, *PLAIN) as error:
        # Hydra wraps what a constructor raised into an error that quotes all arguments.
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"\nerror: {cause}")
        sys.exit(1)
