import signal

import pytest

from biasgan.system.signals import check_signals


def test_what_needs_signals_says_so_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    check_signals("Sweeps")
    monkeypatch.delattr(signal, "SIGKILL")
    with pytest.raises(OSError, match=r"^Sweeps end their processes by signals, which Windows does not have\. Use"):
        check_signals("Sweeps")
