import signal


def check_signals(what: str) -> None:
    """Refuse what ends its processes by signals on a system that has none of them.

    Args:
        what: In the plural, for the message.

    Raises:
        OSError: On Windows.
    """
    if not hasattr(signal, "SIGKILL"):
        raise OSError(
            f"{what} end their processes by signals, which Windows does not have. Use its Linux (WSL), or a single "
            "training with trainer=auto."
        )
